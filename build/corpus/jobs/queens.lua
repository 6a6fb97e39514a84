-- Eight queens by coroutines; then string work enough to run the collector many times.
local function queens(n, row, cols, up, down)
  if row > n then coroutine.yield(table.concat(cols, " ")) return end
  for c = 1, n do
    if not (up[row + c] or down[row - c + n]) then
      local free = true
      for r = 1, row - 1 do if cols[r] == c then free = false break end end
      if free then
        cols[row], up[row + c], down[row - c + n] = c, true, true
        queens(n, row + 1, cols, up, down)
        cols[row], up[row + c], down[row - c + n] = nil, nil, nil
      end
    end
  end
end
local count = 0
for solution in coroutine.wrap(function() queens(8, 1, {}, {}, {}) end) do
  count = count + 1
  if count <= 3 then print(solution) end
end
print(count)
local words = {}
for i = 1, 20000 do words[#words + 1] = ("word%d"):format(i * 2654435761 % 1000) end
local text = table.concat(words, " ")
local seen = {}
for w in text:gmatch("%a+%d+") do seen[w] = (seen[w] or 0) + 1 end
local keys = {}
for k in pairs(seen) do keys[#keys + 1] = k end
table.sort(keys)
print(#keys, keys[1], seen[keys[1]], #text)
