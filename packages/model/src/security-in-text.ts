import type { ObjectRef } from '@weft/base/diagnostic';

const KIND = /(?<![\w-])["']?kind["']?:\s*["']?(AuthorizationPolicy|PeerAuthentication|RequestAuthentication)\b/;
const NAMESPACE = /(?<![\w-])["']?namespace["']?:\s*["']?([a-z0-9][-a-z0-9]*)/g;
const NAME = /(?<![\w-])["']?name["']?:\s*["']?([a-z0-9][-a-z0-9.]*)/;

/**
 * Security objects that a text seems to have, for texts that no parser can read: one for each namespace that a document
 * with such a kind mentions. Too many rather than too few, as what they select is denied.
 */
export const securityInText = (text: string): ObjectRef[] =>
  text.split(/^---.*$/m).flatMap((document) => {
    const kind = KIND.exec(document)?.[1];
    if (!kind) return [];
    const namespaces = new Set([...document.matchAll(NAMESPACE)].map((match) => match[1] as string));
    const name = NAME.exec(document)?.[1] ?? '';
    return [...(namespaces.size > 0 ? namespaces : ['default'])].map((namespace) => ({ kind, namespace, name }));
  });
