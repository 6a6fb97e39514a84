/** One job of the corpus: see jobs.mjs. */
export interface Job {
  readonly name: string;
  readonly command: readonly string[];
  readonly files: readonly string[];
  /** The name of the file on stdin; null or absent: nothing. */
  readonly input?: string | null;
  /** The program that the job is about, if it is not command[0]. */
  readonly program?: string;
  /** Programs beside command[0] and busybox. */
  readonly needs?: readonly string[];
  readonly suite?: string;
  readonly share?: boolean;
  readonly rights?: readonly string[];
  readonly user?: string;
  readonly memory?: string;
  readonly known?: string;
  readonly knownParts?: Readonly<Record<string, string>>;
}
export const jobs: readonly Job[];
