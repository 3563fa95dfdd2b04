/** Where the parts of a mesh on this machine listen. `loopback-block.ts` is Linux's; macOS has one address only. */
export interface Addresses {
  /** For showing: `127.70.3.0/24`. */
  readonly name: string;
  readonly controlPlane: string;
  /** An address for a replica that no other has. Throws WeftError `noFreeBlock` when there is none left. */
  allocate(): string;
  release(address: string): void;
  /** A free port on 127.0.0.1 for an application, which stays reserved until `releaseAppPort`. */
  appPort(): Promise<number>;
  releaseAppPort(port: number): void;
  close(): void;
}
