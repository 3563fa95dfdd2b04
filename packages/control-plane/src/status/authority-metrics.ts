import type { Clock } from '@weft/base/clock';
import { errors, type WeftError } from '@weft/base/errors';
import type { Registry } from '@weft/telemetry/metrics';

/** The certificate authority's metrics, under Citadel's names. */
export class AuthorityMetrics {
  readonly #requests;
  readonly #issued;
  readonly #unproven;
  readonly #malformed;
  readonly #mismatched;

  /** `rootNotAfterMs`: wall-clock ms at which the root certificate ends. */
  constructor(registry: Registry, clock: Clock, rootNotAfterMs: number) {
    const counter = (name: string, help: string) => registry.counter(`citadel_server_${name}`, help).with();
    this.#requests = counter('csr_count', 'Requests for a certificate.');
    this.#issued = counter('success_cert_issuance_count', 'Certificates issued.');
    this.#unproven = counter('authentication_failure_count', 'Requests whose caller did not prove who it is.');
    this.#malformed = counter('csr_parsing_err_count', 'Requests whose CSR could not be read.');
    this.#mismatched = counter(
      'csr_sign_err_count',
      'Requests for another identity than the proven one, or not signed.',
    );
    const expiry = registry
      .gauge('citadel_server_root_cert_expiry_timestamp', 'When the root certificate ends, in Unix seconds.')
      .with();
    const left = registry
      .gauge('citadel_server_root_cert_expiry_seconds', 'Seconds until the root certificate ends.')
      .with();
    registry.onCollect(() => {
      expiry.set(rootNotAfterMs / 1000);
      left.set((rootNotAfterMs - clock.now()) / 1000);
    });
  }

  requested(): void {
    this.#requests.add(1);
  }

  issued(): void {
    this.#issued.add(1);
  }

  refused({ kind }: WeftError): void {
    if (kind === errors.unprovenCaller) this.#unproven.add(1);
    else if (kind === errors.badCsr) this.#malformed.add(1);
    else this.#mismatched.add(1);
  }
}
