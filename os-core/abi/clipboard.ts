// The clipboard's way between the desktop and the machine's host: the byte stream of the virtio console port "clipboard".
//
//   both ways   u32 length of the text in bytes (little endian), then that many bytes of UTF-8
//
// To the guest: the user pastes. From the guest: the user has copied. A length above the bound ends the conversation.

export const CLIPBOARD_PORT = 'clipboard';
export const CLIPBOARD_HEADER_BYTES = 4;
/** What one copy or paste may carry. */
export const MAX_CLIPBOARD_BYTES = 60 * 1024;
