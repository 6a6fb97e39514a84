// Writes an asar archive (github.com/electron/asar, "Format"): a Chromium pickle with the JSON directory, then the files.
//
//   0  u32 4                      size of the next field
//   4  u32 header size            bytes from offset 8 to the first file
//   8  u32 header size - 4        payload of the header pickle
//  12  u32 JSON length
//  16  JSON, padded with zeros to a multiple of 4
//      files, one after another; their offsets in the JSON count from here

/**
 * @param {readonly { name: string, data: Buffer }[]} files flat: no folders are needed here.
 * @returns {Buffer}
 */
export function packAsar(files) {
  const directory = {};
  let offset = 0;
  for (const { name, data } of files) {
    directory[name] = { size: data.length, offset: String(offset) };
    offset += data.length;
  }
  const json = Buffer.from(JSON.stringify({ files: directory }));
  const padded = (json.length + 3) & ~3;
  const header = Buffer.alloc(16 + padded);
  header.writeUInt32LE(4, 0);
  header.writeUInt32LE(8 + padded, 4);
  header.writeUInt32LE(4 + padded, 8);
  header.writeUInt32LE(json.length, 12);
  json.copy(header, 16);
  return Buffer.concat([header, ...files.map((file) => file.data)]);
}
