-- Sorting, formatting, files, coroutines, child processes, patterns, integers.
local t = {}
for i = 1, 200000 do t[i] = (i * 7919) % 100003 end
table.sort(t)
local sum = 0
for _, v in ipairs(t) do sum = (sum * 31 + v) % 1000000007 end
print(sum)
print(string.format("%.14g %.17g %a", math.pi, math.sqrt(2), 0.1), ("x"):rep(10), #string.pack("i4z", "5", "abc"))
local f = io.open("lua.txt", "w")
for i = 1, 1000 do f:write(i, " ", math.sin(i), " ", math.exp(i / 100), " ", math.log(i), "\n") end
f:close()
local bytes = 0
for line in io.lines("lua.txt") do bytes = bytes + #line end
print(bytes)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
local p = io.popen("echo child; exit 3")
print(p:read("a"))
print(p:close())
print(os.execute("true"))
print(os.execute("kill -9 $$"))
print(pcall(error, "x"))
print(os.getenv("HOME") ~= nil)
os.rename("lua.txt", "renamed.txt")
print(io.open("lua.txt"))
print(os.tmpname() ~= nil)
collectgarbage()
print(string.find("hello world", "o w"))
print(utf8.char(8364, 128512))
print(2 ^ 53 | 0, 7 // 2, -7 % 3, 1e15, 2 ^ 63 == math.maxinteger + 1.0)
print(os.date("!%Y-%m-%d %H:%M:%S", 86400 * 365))
