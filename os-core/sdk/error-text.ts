// The words for error numbers (strerror of musl, shortened to those that our calls return).

import { Errno } from '../abi/errno.ts';

const texts: ReadonlyMap<number, string> = new Map<number, string>([
  [Errno.EPERM, 'Operation not permitted'],
  [Errno.ENOENT, 'No such file or directory'],
  [Errno.ESRCH, 'No such process'],
  [Errno.EINTR, 'Interrupted system call'],
  [Errno.EIO, 'I/O error'],
  [Errno.ENXIO, 'No such device or address'],
  [Errno.E2BIG, 'Argument list too long'],
  [Errno.ENOEXEC, 'Exec format error'],
  [Errno.EBADF, 'Bad file descriptor'],
  [Errno.ECHILD, 'No child process'],
  [Errno.EAGAIN, 'Resource temporarily unavailable'],
  [Errno.ENOMEM, 'Out of memory'],
  [Errno.EACCES, 'Permission denied'],
  [Errno.EFAULT, 'Bad address'],
  [Errno.EBUSY, 'Resource busy'],
  [Errno.EEXIST, 'File exists'],
  [Errno.EXDEV, 'Cross-device link'],
  [Errno.ENODEV, 'No such device'],
  [Errno.ENOTDIR, 'Not a directory'],
  [Errno.EISDIR, 'Is a directory'],
  [Errno.EINVAL, 'Invalid argument'],
  [Errno.ENFILE, 'Too many open files in system'],
  [Errno.EMFILE, 'No file descriptors available'],
  [Errno.ENOTTY, 'Not a tty'],
  [Errno.ETXTBSY, 'Text file busy'],
  [Errno.EFBIG, 'File too large'],
  [Errno.ENOSPC, 'No space left on device'],
  [Errno.ESPIPE, 'Invalid seek'],
  [Errno.EROFS, 'Read-only file system'],
  [Errno.EPIPE, 'Broken pipe'],
  [Errno.ENAMETOOLONG, 'Filename too long'],
  [Errno.ENOSYS, 'Function not implemented'],
  [Errno.ENOTEMPTY, 'Directory not empty'],
  [Errno.ELOOP, 'Symbolic link loop'],
  [Errno.EAFNOSUPPORT, 'Address family not supported'],
  [Errno.EPROTONOSUPPORT, 'Protocol not supported'],
  [Errno.ENETDOWN, 'Network is down'],
  [Errno.ENETUNREACH, 'Network unreachable'],
  [Errno.ETIMEDOUT, 'Operation timed out'],
  [Errno.ECONNREFUSED, 'Connection refused'],
  [Errno.EHOSTUNREACH, 'Host is unreachable'],
  [Errno.EKEYREJECTED, 'Key was rejected by service'],
]);

/** `result`: a negative system call result. */
export function errorText(result: number): string {
  return texts.get(-result) ?? `Error ${-result}`;
}

const signalTexts: readonly string[] = [
  '',
  'Hangup',
  'Interrupt',
  'Quit',
  'Illegal instruction',
  'Trace/breakpoint trap',
  'Aborted',
  'Bus error',
  'Arithmetic exception',
  'Killed',
  'User defined signal 1',
  'Segmentation fault',
  'User defined signal 2',
  'Broken pipe',
  'Alarm clock',
  'Terminated',
];
/** What a person reads when a program was ended by a signal. */
export function signalText(signal: number): string {
  return signalTexts[signal] || `Signal ${signal}`;
}
