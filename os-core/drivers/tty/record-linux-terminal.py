"""Records what a Linux pty does with typed and written bytes, for line-discipline.test.ts.

    python3 os-core/drivers/tty/record-linux-terminal.py > os-core/drivers/tty/linux-terminal.recorded.json

One case: termios as 36 bytes in hexadecimal, then operations ["type", hex], ["write", hex], ["modes", hex], ["read"]; and what came out:
per operation the master's output (hex), and for reads the list of results ("" = end of file) up to EAGAIN.
"""
import errno, fcntl, json, os, random, struct, time

ICANON, ECHO, ECHOE, ECHOK, ECHONL, ECHOCTL, ECHOKE, IEXTEN, ISIG, NOFLSH = 2, 8, 16, 32, 64, 512, 2048, 32768, 1, 128
ICRNL, INLCR, IGNCR, ISTRIP, IUTF8, IXON = 0x100, 0x40, 0x80, 0x20, 0x4000, 0x400
OPOST, ONLCR, OCRNL, ONOCR, ONLRET, XTABS = 1, 4, 8, 16, 32, 0x1800
CC = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0]

def modes(i=ICRNL | IXON | IUTF8, o=OPOST | ONLCR, l=ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN, cc=CC):
    return struct.pack('<IIIIB19s', i, o, 0xbf, l, 0, bytes(cc))

def settle(master, slave_read):
    out = b''
    time.sleep(0.008)
    while True:
        try:
            out += os.read(master, 4096)
        except BlockingIOError:
            return out

def run(first, operations):
    master, slave = os.openpty()
    for fd in (master, slave):
        os.set_blocking(fd, False)
    fcntl.ioctl(slave, 0x5402, first)
    results = []
    for operation in operations:
        kind, out, reads = operation[0], b'', []
        if kind == 'type':
            for byte in bytes.fromhex(operation[1]):
                os.write(master, bytes([byte]))
                out += settle(master, slave)
        elif kind == 'write':
            os.write(slave, bytes.fromhex(operation[1]))
        elif kind == 'modes':
            fcntl.ioctl(slave, 0x5402, bytes.fromhex(operation[1]))
        else:
            while len(reads) < 50:
                try:
                    reads.append(os.read(slave, 4096).hex())
                except BlockingIOError:
                    break
        out += settle(master, slave)
        results.append([out.hex()] + ([reads] if kind == 'read' else []))
    os.close(slave)
    os.close(master)
    return {'modes': first.hex(), 'operations': operations, 'results': results}

T = lambda text: ['type', (text if isinstance(text, bytes) else text.encode()).hex()]
W = lambda text: ['write', (text if isinstance(text, bytes) else text.encode()).hex()]
M = lambda m: ['modes', m.hex()]
R = ['read']
RAW = modes(i=0, o=0, l=0)
cases = [
    (modes(), [T('hello\r'), R]),
    (modes(), [T('one\rtwo\rthr'), R, T('ee\n'), R]),
    (modes(), [T(b'abc\x04'), R, T(b'\x04'), R, T(b'x\x04\x04'), R]),
    (modes(), [T('grün\x7f\x7f\x7fX\r'), R]),
    (modes(), [T('a\tb\tc\x7f\x7f\x7f\x7f\x7f\r'), R]),
    (modes(), [W('prompt> '), T('a\tb\x7f\x7fz\r'), R]),
    (modes(), [T('foo bar  baz\x17\x17X\r'), R]),
    (modes(), [T('to be killed\x15kept\r'), R]),
    (modes(), [T(b'a\x16\x03b\x16\x04\r'), R]),
    (modes(), [T(b'part\x03rest\r'), R]),
    (modes(l=ISIG | ICANON | ECHO | NOFLSH), [T(b'part\x03rest\r'), R]),
    (modes(), [T(b'again\x12!\r'), R]),
    (modes(), [T(b'a\x01b\x1bc\x7f\x7f\x7f\r'), R]),
    (modes(l=ISIG | ICANON | ECHO), [T(b'a\x01b\x7f\x15c\r'), R]),
    (modes(l=ICANON | ECHONL), [T('secret\r'), R]),
    (modes(l=ICANON | ECHO | ECHOK), [T(b'abc\x15d\r'), R]),
    (modes(l=ISIG | ECHO | ECHOCTL), [T(b'raw\r\n\x01\x7f'), R]),
    (RAW, [T(b'\x03\x04\r\n\x7fabc'), R, W('a\nb\tc')]),
    (modes(), [W('one\ntwo\r\nthree\tfour')]),
    (modes(o=OPOST | ONLCR | XTABS), [W('a\tb\tlonger\tend\n\tx'), T('y\tz\x7f\x7f\r'), R]),
    (modes(o=OPOST | OCRNL), [W('a\rb\n'), W('c\r\n')]),
    (modes(o=OPOST | ONLCR | ONOCR), [W('\ra\r\r\n')]),
    (modes(o=OPOST | ONLRET | XTABS), [W('abc\n\tx')]),
    (modes(i=INLCR | IUTF8), [T('a\nb\r'), R]),
    (modes(i=IGNCR | IUTF8), [T('a\rb\n'), R]),
    (modes(i=ICRNL | ISTRIP), [T(b'\xe1\xe2\r'), R]),
    (modes(i=ICRNL), [T('ü\x7f\x7f\r'), R]),
    (modes(cc=CC[:11] + [ord(';')] + CC[12:16] + [ord('.')] + CC[17:]), [T('a;b.c\r'), R]),
    (modes(), [T('half'), M(RAW), R, T('more'), M(modes()), R, T('x\r'), R]),
    (RAW, [T('typed raw'), M(modes()), R, T('line\r'), R]),
    (modes(cc=[0] * 6 + [1] + [0] * 12), [T(b'\x03\x04\x7f\x15\x17\r'), R]),
]
rng = random.Random(20250607)
alphabet = [b'a', b'b', b' ', b'_', 'ü'.encode(), '€'.encode(), b'\t', b'\r', b'\n', b'\x7f', b'\x7f', b'\x15', b'\x17', b'\x16', b'\x04', b'\x03', b'\x12', b'\x01', b'\x1b', b'\x80']
for _ in range(150):
    pick = lambda bits: sum(b for b in bits if rng.random() < 0.6)
    i = pick([ICRNL, IUTF8]) | (rng.random() < .15) * INLCR | (rng.random() < .15) * IGNCR | (rng.random() < .1) * ISTRIP
    o = pick([OPOST, ONLCR]) | (rng.random() < .2) * OCRNL | (rng.random() < .2) * ONOCR | (rng.random() < .2) * ONLRET | (rng.random() < .3) * XTABS
    l = pick([ISIG, ICANON, ICANON, ECHO, ECHO, ECHOE, ECHOK, ECHOCTL, ECHOKE, IEXTEN]) & 0xffff
    l = (ICANON if rng.random() < .8 else 0) | (ECHO if rng.random() < .8 else 0) | pick([ISIG, ECHOE, ECHOK, ECHOCTL, ECHOKE, IEXTEN]) | (rng.random() < .2) * ECHONL | (rng.random() < .3) * NOFLSH
    operations = []
    for _ in range(rng.randrange(2, 6)):
        text = b''.join(rng.choice(alphabet) for _ in range(rng.randrange(1, 12)))
        operations.append(rng.choice([T(text), T(text), T(text + b'\r'), W(text), R]))
    operations.append(R)
    cases.append((modes(i, o, l), operations))
def steady(case):
    """A busy machine can be late; what two runs agree on is the truth."""
    last = run(*case)
    while True:
        again = run(*case)
        if again == last:
            return again
        last = again

print('[' + ',\n'.join(json.dumps(steady(case)) for case in cases) + ']')
