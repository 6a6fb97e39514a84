// Byte strings: a string in which every character stands for one byte (code 0-255). The shell and the paths of system tasks
// use them, so that bytes which are no valid UTF-8 pass through unchanged, as they do through a Unix shell.

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Bytes as a byte string. Piecewise, because fromCharCode takes its input on the engine's stack. */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** Unicode text to a byte string of its UTF-8. */
export function toByteString(text: string): string {
  return byteString(encoder.encode(text));
}

/** A byte string that holds UTF-8 to Unicode text; invalid bytes become U+FFFD. */
export function fromByteString(text: string): string {
  return decoder.decode(bytesOf(text));
}

/** The text up to the first NUL, as a byte string: what a call left in a character buffer. */
export function resultText(data: Uint8Array): string {
  const end = data.indexOf(0);
  return byteString(end < 0 ? data : data.subarray(0, end));
}
