# tcc compiles and links Lua; what came out runs a program.
tcc -B tcc -nostdinc -I tcc/include -I musl/include -nostdlib -static -DLUA_USE_POSIX -o lua-here \
  musl/crt1.o musl/crti.o lua/*.c tcc/libtcc1.a musl/libc.a tcc/libtcc1.a musl/crtn.o
echo "status $?"
./lua-here language.lua
echo "status $?"
