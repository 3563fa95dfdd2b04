export type Labels = Readonly<Record<string, string>>;

/** Whether labels have every entry of a selector. An empty selector matches all: what that means is the caller's. */
export const labelsMatch = (selector: Labels, labels: Labels): boolean => {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
};
