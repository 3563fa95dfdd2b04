import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadMesh } from './load.ts';
import { podsOfService, servicesOfPod } from './pods-of-service.ts';
import { servicesVisibleTo } from './visibility.ts';

const service = (name: string, selector: object, exportTo?: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop', ...(exportTo && { annotations: { 'networking.istio.io/exportTo': exportTo } }) },
  spec: { selector, ports: [{ port: 80 }] },
});
const pod = (name: string, namespace: string, labels: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: { containers: [{ name: 'app' }] },
  status: { podIP: '127.0.0.2' },
});
const { mesh } = loadMesh([
  {
    path: 'a.json',
    text: JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        service('all', { app: 'catalog' }),
        service('v2', { app: 'catalog', version: 'v2' }, '.'),
        service('none', {}, 'bank,zoo'),
        pod('a', 'shop', { app: 'catalog', version: 'v1' }),
        pod('b', 'shop', { app: 'catalog', version: 'v2' }),
        pod('c', 'bank', { app: 'catalog', version: 'v2' }),
      ],
    }),
  },
]);
const serviceNamed = (name: string) => mesh.services.get(`${name}.shop.svc.cluster.local`) ?? assert.fail(name);

describe('services and pods', () => {
  test('a service has the pods of its namespace with all labels of its selector', () => {
    assert.deepEqual(
      podsOfService(mesh, serviceNamed('all')).map((p) => p.name),
      ['a', 'b'],
    );
    assert.deepEqual(
      podsOfService(mesh, serviceNamed('v2')).map((p) => p.name),
      ['b'],
    );
  });

  test('a service without a selector has none', () => {
    assert.deepEqual(podsOfService(mesh, serviceNamed('none')), []);
  });

  test('a pod has the services that select it', () => {
    const names = (key: string): string[] =>
      servicesOfPod(mesh, mesh.pods.get(key) ?? assert.fail(key)).map((s) => s.name);
    assert.deepEqual(names('shop/a'), ['all']);
    assert.deepEqual(names('shop/b'), ['all', 'v2']);
    assert.deepEqual(names('bank/c'), []);
  });

  test('a namespace sees what is exported to it', () => {
    const seen = (namespace: string): string[] => servicesVisibleTo(mesh, namespace).map((s) => s.name);
    assert.deepEqual(seen('shop'), ['all', 'v2']);
    assert.deepEqual(seen('bank'), ['all', 'none']);
    assert.deepEqual(seen('else'), ['all']);
  });
});
