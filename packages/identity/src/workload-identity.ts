import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Backoff } from '@weft/base/backoff';
import type { Clock, Timer } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { peerSpiffeId } from './certificate.ts';
import { createKeyAndCsr } from './key-and-csr.ts';
import { splitCertificates } from './pem.ts';
import { renewalTime, scheduleRenewal } from './rotation.ts';
import { TrustBundle } from './trust-bundle.ts';

/** What the authority answers to a request. PEM each. */
export interface SignedCertificate {
  /** The workload's certificate, then any that lead to the root. */
  readonly chain: readonly string[];
  readonly roots: readonly string[];
}

/** A key with its certificate. The key is out of reach of `JSON.stringify` and `util.inspect`. */
export class Credentials {
  readonly spiffeId: string;
  readonly chainPem: string;
  readonly bundle: TrustBundle;
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly #privateKeyPem: string;

  /** Throws WeftError `identityMismatch` or `caUnusable` unless the answer certifies this key as `spiffeId`, now. */
  constructor(spiffeId: string, privateKeyPem: string, signed: SignedCertificate, nowMs: number) {
    const [leafPem] = signed.chain.flatMap(splitCertificates);
    if (leafPem === undefined) throw new WeftError('caUnusable', 'the authority answered without a certificate');
    const leaf = new X509Certificate(leafPem);
    const named = peerSpiffeId(leaf.raw);
    if (named !== spiffeId)
      throw new WeftError(
        'identityMismatch',
        `the authority certified ${named ?? 'no SPIFFE id'} instead of ${spiffeId}`,
      );
    if (!leaf.checkPrivateKey(createPrivateKey(privateKeyPem)))
      throw new WeftError('caUnusable', 'the authority certified another key');
    this.bundle = new TrustBundle(signed.roots);
    if (!this.bundle.verifies(leaf, nowMs))
      throw new WeftError(
        'caUnusable',
        "the authority's certificate is not valid under its own roots, or not now: are the clocks right?",
      );
    this.spiffeId = spiffeId;
    this.chainPem = signed.chain.join('');
    this.serialNumber = leaf.serialNumber;
    this.notBeforeMs = leaf.validFromDate.getTime();
    this.notAfterMs = leaf.validToDate.getTime();
    this.#privateKeyPem = privateKeyPem;
  }

  /** For `tls.createSecureContext` and SDS, and nothing else. */
  get privateKeyPem(): string {
    return this.#privateKeyPem;
  }
}

export interface WorkloadIdentityOptions {
  readonly spiffeId: string;
  /**
   * Has a request signed, proving who asks: by the bootstrap token, later by the current certificate. A WeftError that
   * is not retryable ends `start`; everything else is tried again.
   */
  readonly sign: (csrPem: string) => Promise<SignedCertificate>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each failed attempt. */
  readonly onFailure?: (error: Error, retryInMs: number) => void;
}

const FIRST_RETRY_MS = 200;
/** Long enough not to hurry a control plane that comes back, short beside any lifetime. */
const MAX_RETRY_MS = 15_000;

/** A workload's identity over time: makes keys here, has them certified, renews long before the end. */
export class WorkloadIdentity {
  readonly #options: WorkloadIdentityOptions;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<(credentials: Credentials) => void>();
  readonly #stop = new AbortController();
  #current: Credentials | null = null;
  #timer: Timer | undefined;

  constructor(options: WorkloadIdentityOptions) {
    this.#options = options;
    this.#backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS, options.random);
  }

  /** `null` until `start` has resolved. A reader keeps what it got: credentials do not change, they are replaced. */
  get current(): Credentials | null {
    return this.#current;
  }

  /**
   * Resolves with the first credentials, trying again while the authority is away; rejects if it refuses, or when
   * `stop` is called. From then on renewal runs by itself.
   */
  async start(): Promise<Credentials> {
    for (;;) {
      try {
        return await this.#obtain();
      } catch (error) {
        if (error instanceof WeftError && !error.kind.retryable) throw error;
        const wait = this.#backoff.nextMs();
        this.#options.onFailure?.(error as Error, wait);
        await this.#options.clock.sleep(wait, this.#stop.signal);
      }
    }
  }

  /** In place of `start`: goes on with credentials that were kept, and renews them when they are due. */
  resume(credentials: Credentials): void {
    this.#take(credentials);
  }

  /** Called with each new certificate after the first; returns how to unsubscribe. */
  onRotated(listener: (credentials: Credentials) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stop.abort(new Error('the workload identity was stopped'));
  }

  async #obtain(): Promise<Credentials> {
    const { spiffeId, sign, clock } = this.#options;
    const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
    const credentials = new Credentials(spiffeId, privateKeyPem, await sign(csrPem), clock.now());
    this.#stop.signal.throwIfAborted();
    this.#backoff.reset();
    this.#take(credentials);
    return credentials;
  }

  #take(credentials: Credentials): void {
    const { clock, random } = this.#options;
    this.#current = credentials;
    const dueMs = renewalTime(clock.now(), credentials.notAfterMs, random);
    this.#timer = scheduleRenewal(clock, credentials, dueMs, () => void this.#renew());
  }

  /** Never gives up: what the authority refuses now, it may grant before the certificate ends. */
  async #renew(): Promise<void> {
    try {
      const credentials = await this.#obtain();
      for (const listener of this.#listeners) listener(credentials);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const wait = this.#backoff.nextMs();
      this.#options.onFailure?.(error as Error, wait);
      this.#timer = this.#options.clock.setTimer(wait, () => void this.#renew());
    }
  }
}
