import { join } from 'node:path';
import { describe, test } from 'node:test';
import { formatDiagnostic } from '@weft/base/diagnostic';
import { expectGolden } from '@weft/testkit/golden';
import { loadMesh } from './load.ts';

/** Every mistake that an author can make, with the words that we find for it. */
const object = (kind: string, spec: string, name = 'catalog', group = 'networking.istio.io/v1'): string =>
  `apiVersion: ${group}\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${spec.replace(/^/gm, '  ')}\n---\n`;
const virtualService = (http: string, name?: string): string =>
  object('VirtualService', `hosts: [catalog]\nhttp:\n${http}`, name);
const policy = (spec: string): string => object('AuthorizationPolicy', spec, 'catalog', 'security.istio.io/v1');

const catalog =
  object('Service', 'selector: {app: catalog}\nports: [{name: http, port: 80}]', 'catalog', 'v1') +
  `apiVersion: v1
kind: Pod
metadata: {name: catalog, labels: {app: catalog, version: v1}}
spec: {containers: [{name: app}]}
---
` +
  object('DestinationRule', 'host: catalog\nsubsets: [{name: v1, labels: {version: v1}}]');

const route = '- route: [{destination: {host: catalog}}]';

const mistakes: Record<string, string | Record<string, string>> = {
  'syntax error': 'a: [1\nb: 2\n',
  'syntax error of JSON': { 'a.json': '{"a": 1,}' },
  'end of JSON missing': { 'a.json': '{"a":\n[1' },
  template: 'metadata:\n  name: {{ .Values.name }}\n',
  'duplicate key': 'apiVersion: v1\nkind: Namespace\nkind: Service\nmetadata: {name: a}\n',
  'alias without anchor': 'apiVersion: v1\nkind: Namespace\nmetadata: *gone\n',
  'not an object': '- a\n- b\n---\njust text\n',
  'no kind': 'apiVersion: networking.istio.io/v1\nmetadata: {name: a}\nspec: {}\n',
  'no apiVersion': 'kind: VirtualService\nmetadata: {name: a}\nspec: {}\n',
  'not a manifest at all': 'image: nginx\nreplicas: 2\n',
  'no name': 'apiVersion: v1\nkind: Service\nmetadata: {labels: {a: b}}\n',
  'namespace is not a name': 'apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: 1}\n',
  'unknown kind': object('VirtualServise', 'hosts: [a]'),
  'unknown version': object('VirtualService', 'hosts: [a]', 'a', 'networking.istio.io/v2'),
  'misspelt group': policy('selector: {matchLabels: {app: catalog}}').replace('istio.io', 'istio.oi'),
  'kind in the wrong group': policy('selector: {matchLabels: {app: catalog}}').replace('security.', 'networking.'),
  'unknown field of a Deployment':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, label: {}}\nspec:\n  replica: 2\n  template: {metadata: {annotations: {weft.dev/comand: node}}, spec: {containers: [{name: a, readynessProbe: {}}]}}\n',
  'refused kind': object('WasmPlugin', 'url: oci://x', 'a', 'extensions.istio.io/v1alpha1'),
  'foreign kind': object('PodSecurityPolicy', 'privileged: false', 'a', 'policy/v1beta1'),
  'unknown field at the top':
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspecs: {}\n',
  'unknown field': virtualService('- rout: [{destination: {host: catalog}}]'),
  'unknown field without a near name': virtualService(`${route}\n  zzzzzz: 1`),
  'unknown field deep inside': virtualService(
    '- match: [{uri: {prefx: /a}}]\n  route: [{destination: {host: catalog}}]',
  ),
  null: virtualService('- route:\n  timeout: 1s'),
  'number for a string': virtualService(
    '- match: [{headers: {x-a: {exact: 1}}}]\n  route: [{destination: {host: catalog}}]',
  ),
  'true for a string': virtualService(
    '- match: [{headers: {x-a: {exact: true}}}]\n  route: [{destination: {host: catalog}}]',
  ),
  'text for a number': virtualService('- route: [{destination: {host: catalog}, weight: "90"}]'),
  'object for a list': virtualService('  route: {destination: {host: catalog}}'),
  'bad duration': virtualService(`${route}\n  timeout: 10`) + virtualService(`${route}\n  timeout: 10 s`, 'b'),
  'bad enum': object('DestinationRule', 'host: catalog\ntrafficPolicy: {loadBalancer: {simple: ROUND_ROBBIN}}', 'b'),
  'bad port': virtualService('- route: [{destination: {host: catalog, port: {number: 70000}}}]'),
  'two kinds of match in one': virtualService(
    '- match: [{uri: {prefix: /, exact: /a}}]\n  route: [{destination: {host: catalog}}]',
  ),
  'missing host': virtualService('- route: [{destination: {subset: v1}}]'),
  'bad host': object('VirtualService', `hosts: ["cat!alog", "*.b.com", "a.b.com"]\nhttp:\n${route}`),
  'route that does nothing': virtualService('- timeout: 1s'),
  'route and redirect': virtualService(`${route}\n  redirect: {uri: /b}`),
  'bad redirect code': virtualService('- redirect: {uri: /b, redirectCode: 300}'),
  'no routes': object('VirtualService', 'hosts: [catalog]'),
  'look-ahead in a regex': virtualService(
    `- match: [{uri: {regex: "/a(?=b)"}}]\n  route: [{destination: {host: catalog}}]`,
  ),
  'broken regex': virtualService(`- match: [{uri: {regex: "/a(b"}}]\n  route: [{destination: {host: catalog}}]`),
  'bad retry condition': virtualService(`${route}\n  retries: {attempts: 2, retryOn: "5xx,connectfailure"}`),
  'retries without attempts': virtualService(`${route}\n  retries: {retryOn: 5xx}`),
  'retries of none': virtualService(`${route}\n  retries: {attempts: 0, perTryTimeout: 1s}`),
  'bad headers': virtualService(
    `${route}\n  headers: {request: {set: {":path": a, "x y": b, x-c: "a\\nb"}, remove: [host]}, response: {add: {":authority": a}}}`,
  ),
  'no weights': virtualService('- route: [{destination: {host: catalog}}, {destination: {host: catalog, subset: v1}}]'),
  'weights of 0': virtualService(
    '- route: [{destination: {host: catalog}, weight: 0}, {destination: {host: catalog, subset: v1}, weight: 0}]',
  ),
  'unknown host': virtualService('- route: [{destination: {host: catalogue}}]'),
  'unknown host of another namespace': virtualService(
    '- route: [{destination: {host: catalog.shop.svc.cluster.local}}]',
  ),
  'unknown subset': virtualService('- route: [{destination: {host: catalog, subset: v2}}]'),
  'unknown port': virtualService('- route: [{destination: {host: catalog, port: {number: 8080}}}]'),
  'unknown host of a rule': object('DestinationRule', 'host: orders', 'orders'),
  'unknown host of a VirtualService': object('VirtualService', `hosts: [catalogs]\nhttp:\n${route}`),
  'hidden service': {
    'a.yaml': virtualService('- route: [{destination: {host: secret.vault.svc.cluster.local}}]'),
    'b.yaml':
      'apiVersion: v1\nkind: Service\nmetadata: {name: secret, namespace: vault, annotations: {networking.istio.io/exportTo: "."}}\nspec: {ports: [{port: 80}]}\n',
  },
  'ambiguous port': {
    'a.yaml': virtualService('- route: [{destination: {host: two}}]'),
    'b.yaml': object('Service', 'ports: [{name: http, port: 80}, {name: admin, port: 81}]', 'two', 'v1'),
  },
  'two VirtualServices for a host': virtualService(route, 'first') + virtualService(route, 'second'),
  'duplicate object': { 'a.yaml': virtualService(route), 'b.yaml': virtualService(route) },
  'catch-all first': virtualService(
    `${route}\n- match: [{uri: {prefix: /a}}]\n  route: [{destination: {host: catalog}}]`,
  ),
  'same conditions twice': virtualService(
    `- match: [{uri: {exact: /a}}]\n  route: [{destination: {host: catalog}}]\n- match: [{uri: {exact: /a}, name: again}]\n  route: [{destination: {host: catalog}}]`,
  ),
  'subset twice': object('DestinationRule', 'host: catalog\nsubsets: [{name: v1}, {name: v1}]', 'b'),
  'subset that selects nothing': object(
    'DestinationRule',
    'host: catalog\nsubsets: [{name: v2, labels: {version: v2}}]',
    'b',
  ),
  'empty connection pool': object('DestinationRule', 'host: catalog\ntrafficPolicy: {connectionPool: {}}', 'b'),
  'Service that selects nothing': object('Service', 'selector: {app: orders}\nports: [{port: 80}]', 'orders', 'v1'),
  'Service with one port twice': object('Service', 'ports: [{name: a, port: 80}, {name: b, port: 80}]', 'orders', 'v1'),
  'Deployment whose selector misses its pods':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: b}}, spec: {containers: [{name: a}]}}\n',
  'Deployment without containers':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {}}}\n',
  'unclosed quote in a command':
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {weft.dev/command: "node \'a"}}\nspec: {containers: [{name: a}]}\n',
  'bad application ports':
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {weft.dev/workload: a, weft.dev/app-ports: "8080"}}\nspec: {containers: [{name: a}]}\n',
  'policy that selects nothing': policy('selector: {matchLabels: {app: orders}}'),
  'policy for a namespace without workloads':
    'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: empty}\nspec: {}\n',
  'policy that names an unknown namespace': policy('rules: [{from: [{source: {namespaces: [shop, default, "x-*"]}}]}]'),
  'protocol that is no transport': object('Service', 'ports: [{port: 80, protocol: HTTP}]', 'orders', 'v1'),
  'policy with an unknown attribute': policy('rules: [{when: [{key: "request.header[x]", values: [a]}]}]'),
  'policy with an empty source': policy('rules: [{from: [{source: {}}]}]'),
  'policy with an empty list': policy('rules: [{from: [{source: {principals: []}}]}]'),
  'policy with a bad address': policy('rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]'),
  'policy whose selector cannot be read': policy('selector: {labels: {app: catalog}}'),
  'policy on a token': policy(
    'selector: {matchLabels: {app: catalog}}\nrules: [{from: [{source: {requestPrincipals: ["*"]}}]}]',
  ),
  'policy for an external authorizer': policy(
    'selector: {matchLabels: {app: catalog}}\naction: CUSTOM\nprovider: {name: opa}\nrules: [{}]',
  ),
  'peer authentication of ports without a selector': object(
    'PeerAuthentication',
    'portLevelMtls: {80: {mode: STRICT}}',
    'a',
    'security.istio.io/v1',
  ),
  'peer authentication of workloads in the root namespace':
    'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: istio-system}\nspec: {selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}}\n',
};

describe('each mistake has its words', () => {
  for (const [name, files] of Object.entries(mistakes))
    test(name, () => {
      const texts = typeof files === 'string' ? { 'a.yaml': files } : files;
      const inputs = Object.entries({ ...texts, 'z-catalog.yaml': catalog }).map(([path, text]) => ({ path, text }));
      const { diagnostics } = loadMesh(inputs);
      const golden = join(import.meta.dirname, '../goldens/mistakes', `${name.replaceAll(' ', '-')}.txt`);
      expectGolden(golden, diagnostics.map(formatDiagnostic).join('\n'));
    });
});
