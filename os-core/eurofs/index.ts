// EuroFS: a copy-on-write file system with a checksum on every block. See layout.ts (the disk) and volume.ts (how it works).
//
//   tools:   VolumeTool over a MemoryBlockStore or a store of their own; formatVolume; checkVolume
//   kernel:  Mount → Volume; files.ts and namespace.ts are the operations, restartable on PENDING and COMMIT_FIRST

export * from './block-store.ts';
export { type CheckResult, checkVolume } from './check.ts';
export * from './files.ts';
export { type FormatOptions, formatVolume } from './format.ts';
export {
  bytesToName,
  FileType,
  Inode,
  isValidName,
  LARGEST_FILE_BYTES,
  LONGEST_NAME_BYTES,
  nameToBytes,
  Timestamp,
} from './items.ts';
export { BLOCK_BYTES, decodeSuperblock, ROOT_INODE, Superblock } from './layout.ts';
export * from './namespace.ts';
export { Mount, Volume } from './volume.ts';
export { EuroFsError, fromByteString, type Owner, toByteString, VolumeTool } from './volume-tool.ts';
