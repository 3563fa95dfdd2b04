/**
 * Kubernetes' `$(VAR)` in command, args and env values; `$$(VAR)` is the text `$(VAR)`; what is not defined stays as it
 * is. https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replace(/\$\$|\$\(([^()$]*)\)/g, (found, name: string | undefined) =>
    name === undefined ? '$' : Object.hasOwn(variables, name) ? (variables[name] as string) : found,
  );
