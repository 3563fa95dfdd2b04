/** What is spoken on a connection that is made, and who speaks on it. The connection tells of bytes and of its end. */
export interface Speaker {
  /** Exchanges under way. */
  readonly active: number;
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** The other side will send no more. */
  onEof(): void;
  /** The socket takes bytes again. */
  onDrain(): void;
  /** Nothing new will be spoken; what is under way goes on. */
  onDraining(): void;
  /** The connection is gone: who had exchanges is told. */
  onClosed(): void;
  /** How long the connection may be idle, of what is configured (0: for ever). */
  idleMs(configuredMs: number): number;
  /** Closes the connection; nothing is under way. */
  close(): void;
}
