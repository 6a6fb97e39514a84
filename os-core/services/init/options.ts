// What the machine host tells init, as JSON in its first argument.

export interface InitOptions {
  /** argv of programs that run beside the main one, started first, as root, on /dev/null. */
  readonly daemons: readonly (readonly string[])[];
  readonly main: {
    /** argv; the first word is a path, a built-in of the shell, or looked up in PATH. */
    readonly command: readonly string[];
    /** NAME=VALUE */
    readonly environment: readonly string[];
    readonly workingDirectory: string;
    readonly userId: number;
    readonly groupId: number;
    /** Rights that are kept (os-core/abi/capability.ts). */
    readonly capabilities: number;
    /** Devices that are handed to the user before the program starts, as a login does with the seat. */
    readonly ownDevices: readonly string[];
    /** Device files for descriptors 0, 1 and 2. */
    readonly descriptors: readonly [string, string, string];
    /** Built-ins of /bin/sh: such a command runs as `sh -c '"$@"'`. */
    readonly builtins: readonly string[];
    /** Start only when /proc/net/euronet says that there is an address. */
    readonly waitForNetwork: boolean;
  };
  /** Device that gets one line `exit STATUS` or `signal NUMBER` when the main program has ended; null = none. */
  readonly reportDevice: string | null;
}

/** Reads the options; null if they are not what the host writes. */
export function parseInitOptions(json: string): InitOptions | null {
  try {
    const value = JSON.parse(json) as InitOptions;
    return Array.isArray(value.daemons) && Array.isArray(value.main?.command) ? value : null;
  } catch {
    return null;
  }
}
