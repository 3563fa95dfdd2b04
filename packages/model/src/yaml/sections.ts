/**
 * Where the documents of a text begin: at its start and at each line `---`, which belongs to the document that it opens.
 * Undefined where that is not all there is to it: directives (`%YAML`) and ends of documents (`...`).
 */
export const sectionStarts = (text: string): number[] | undefined => {
  if (STREAM_SYNTAX.test(text)) return undefined;
  const starts = [0];
  for (let at = text.indexOf('\n---'); at >= 0; at = text.indexOf('\n---', at + 4))
    if (isSpaceOrEnd(text.charCodeAt(at + 4))) starts.push(at + 1);
  return starts;
};

const STREAM_SYNTAX = /^(?:%|\.\.\.)/m;

/** NaN behind the end. */
const isSpaceOrEnd = (code: number): boolean => !(code > 32);

/** A copy that keeps nothing else alive: a part of a string otherwise keeps all of it. */
export const detached = (text: string): string => JSON.parse(JSON.stringify(text)) as string;
