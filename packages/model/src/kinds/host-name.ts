/** Labels of a name that DNS or SNI can carry; Istio's own SNI names have underscores. */
const LABEL = /^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/i;
const WILDCARD_LABEL = /^\*(-?[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)?$/i;
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

export const isIpAddress = (text: string): boolean => IPV4.test(text) || isIpv6(text);

/** An address or a CIDR block. */
export const isIpBlock = (text: string): boolean => {
  const [address, bits, ...rest] = text.split('/') as [string, ...string[]];
  if (rest.length > 0 || !isIpAddress(address)) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (address.includes(':') ? 128 : 32));
};

const isIpv6 = (text: string): boolean => {
  if (!text.includes(':') || !/^[0-9a-f:.]+$/i.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1) ?? '';
  const embedded = last.includes('.');
  if (embedded && !IPV4.test(last)) return false;
  const plain = embedded ? groups.slice(0, -1) : groups;
  if (plain.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return false;
  const length = plain.length + (embedded ? 2 : 0);
  return halves.length === 2 ? length < 8 : length === 8;
};

/** Why a name cannot be a host; undefined if it can. A wildcard may stand in front: `*`, `*.example.com`. */
export const hostProblem = (host: string): string | undefined => {
  if (host === '*' || isIpAddress(host)) return undefined;
  if (host.length > 255) return 'is longer than 255 characters';
  const labels = host.split('.');
  const bad = labels.find(
    (label, i) => !(LABEL.test(label) || (i === 0 && labels.length > 1 && WILDCARD_LABEL.test(label))),
  );
  return bad === undefined ? undefined : `is not a host name: the label ${JSON.stringify(bad)} is not allowed`;
};
