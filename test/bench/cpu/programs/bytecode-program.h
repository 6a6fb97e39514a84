// The program that both bytecode interpreters run.
static const int32_t program[] = {
    LOAD, 0, PUSH, 7, ADD, LOAD, 3, MULTIPLY, SHIFT, STORE, 0,             // a = shift((a + 7) * n)
    LOAD, 1, LOAD, 0, EXCLUSIVE, PUSH, 12345, ADD, SHIFT, STORE, 1,        // b = shift((b ^ a) + 12345)
    LOAD, 1, JUMP_IF_ODD, 7, LOAD, 2, LOAD, 0, SUBTRACT, STORE, 2,         // if b is even: c -= a
    LOAD, 2, LOAD, 1, ADD, SHIFT, STORE, 2,                                // c = shift(c + b)
    STOP,
};
