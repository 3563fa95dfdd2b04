import { Agent, request } from 'node:http';
import { parsePrometheusText, type Sample } from '@weft/telemetry/prometheus-text';

const TIMEOUT_MS = 2_000;
/** One of its own: the global agent may have been told to use a proxy. */
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

/** The metrics at a URL; none where they cannot be had, as from a sidecar that is being started again. */
export const scrape = async (url: string): Promise<Sample[]> => {
  try {
    return parsePrometheusText(await getText(url));
  } catch {
    return [];
  }
};

/** The body of a 200. Rejects on anything else. */
export const getText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const req = request(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
        else reject(new Error(`${url} answers ${response.statusCode}`));
      });
    });
    req.on('timeout', () => req.destroy(new Error(`${url} does not answer`)));
    req.on('error', reject);
    req.end();
  });
