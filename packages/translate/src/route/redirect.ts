import type { HTTPDirectResponse, HTTPRedirect } from '@weft/model/kinds/http-route';
import type {
  DirectResponseAction,
  RedirectAction,
  RedirectAction_RedirectResponseCode,
} from '@weft/xds-api/gen/envoy/config/route/v3';

const CODES: Readonly<Record<number, RedirectAction_RedirectResponseCode>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

/** `requestPort`: the port of the virtual host, for `derivePort: FROM_REQUEST_PORT`. */
export const redirect = (to: HTTPRedirect, requestPort: number): RedirectAction => {
  const port = to.port ?? (to.derivePort === 'FROM_REQUEST_PORT' ? requestPort : 0);
  // The scheme's own port goes without saying in a Location.
  const shown = port === 80 && (to.scheme ?? 'http') === 'http' ? 0 : port === 443 && to.scheme === 'https' ? 0 : port;
  return {
    ...(to.scheme && { schemeRedirect: to.scheme }),
    ...(to.authority && { hostRedirect: to.authority }),
    ...(shown > 0 && { portRedirect: shown }),
    ...(to.uri && { pathRedirect: to.uri }),
    ...(to.prefixRewrite && { prefixRewrite: to.prefixRewrite }),
    responseCode: CODES[to.redirectCode ?? 301] ?? 'MOVED_PERMANENTLY',
  };
};

export const directResponse = ({ status, body }: HTTPDirectResponse): DirectResponseAction => ({
  status,
  ...(body?.string !== undefined && { body: { inlineString: body.string } }),
  ...(body?.bytes !== undefined && { body: { inlineBytes: body.bytes } }),
});
