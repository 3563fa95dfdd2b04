/** How weft's own parts are started: the supervisor knows processes, not what is in them. */
export interface Programs {
  /** Serves the mesh of the manifests and of `podsFile` at `address`, with its state in `stateDir`. */
  controlPlane(input: { address: string; podsFile: string; stateDir: string }): Program;
  /** `weft proxy`, or `weft agent` with an Envoy. */
  sidecar(input: { dataPlane: 'weft' | 'envoy'; bootstrapFile: string }): Program;
  /** Of the mesh's roots, in the state directory; the control plane writes it. */
  readonly rootCertFile: string;
  readonly trustDomain: string;
}

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** Besides our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}
