// What the loader hands to the kernel after ExitBootServices: all that was learnt from the firmware. Plain data.

/** EFI_MEMORY_TYPE (UEFI 2.10, 7.2). */
export const EfiMemoryType = {
  reserved: 0,
  loaderCode: 1,
  loaderData: 2,
  bootServicesCode: 3,
  bootServicesData: 4,
  runtimeServicesCode: 5,
  runtimeServicesData: 6,
  conventional: 7,
  unusable: 8,
  acpiReclaim: 9,
  acpiNvs: 10,
  mmio: 11,
  mmioPortSpace: 12,
  palCode: 13,
  persistent: 14,
} as const;

/** One EFI_MEMORY_DESCRIPTOR of the final map. */
export interface BootMemoryRegion {
  readonly type: number;
  readonly physicalStart: number;
  /** 4 KiB pages. */
  readonly pageCount: number;
}

/** The GOP mode that is left on. 32 bits per pixel. */
export interface BootFramebuffer {
  readonly physicalAddress: number;
  readonly width: number;
  readonly height: number;
  readonly pixelsPerScanLine: number;
  /** Byte order in memory: 'rgbx' = PixelRedGreenBlueReserved8BitPerColor, 'bgrx' = PixelBlueGreenRedReserved8BitPerColor. */
  readonly format: 'rgbx' | 'bgrx';
}

export interface BootInformation {
  /** In the firmware's order; may overlap, be unsorted or contain nonsense: the kernel checks. */
  readonly memoryMap: readonly BootMemoryRegion[];
  readonly framebuffer: BootFramebuffer | null;
  /** Options for the kernel, `key=value` words separated by blanks. */
  readonly commandLine: string;
  /** Lines logged so far, oldest first; the kernel takes them into its own log. */
  readonly bootLog: readonly string[];
  /** Physical ranges that must survive (loader's tables that runtime services need …), beyond what the map's types say. */
  readonly reservedRanges: readonly { readonly physicalStart: number; readonly pageCount: number }[];
  /** Ed25519 public keys (32 bytes each) that the machine's owner has enrolled in the firmware. */
  readonly ownerKeys: readonly Uint8Array[];
}
