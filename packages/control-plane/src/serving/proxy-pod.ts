/** Whose proxy a node says it is: `TYPE~IP~POD.NAMESPACE~DOMAIN`, Istio's form. Null if the id has another. */
export const podOfNode = (nodeId: string): { readonly namespace: string; readonly name: string } | null => {
  const qualified = nodeId.split('~')[2] ?? '';
  // A pod's name may have dots, a namespace's not.
  const dot = qualified.lastIndexOf('.');
  if (dot <= 0 || dot === qualified.length - 1) return null;
  return { name: qualified.slice(0, dot), namespace: qualified.slice(dot + 1) };
};
