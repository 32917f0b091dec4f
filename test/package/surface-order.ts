/** The doors that lead the groups of the root entry, in the order of the flow. */
const FLOW = ['media-archive', 'archive', 'download', 'flow-media', 'key', 'upload', 'signed-url', 'sending', 'errors']

/** Law 7: the root entry has its exports in groups, each begun by a line of comment, in the order of the flow. */
export function findSurfaceFaults(text: string): string[] {
  const groups = text.trim().split(/\n{2,}/)
  const untitled = groups.filter((group) => !/^\/\/ [A-Z].*\.$/m.test(group.split('\n')[0] ?? ''))
  const leaders = groups.map((group) => /from '\.\/([^']+)\.js'/.exec(group)?.[1] ?? '(nothing)')
  return [
    ...untitled.map((group) => `index.ts begins a group without a line of comment: ${group.split('\n')[0]}`),
    ...(leaders.join() === FLOW.join()
      ? []
      : [`index.ts has its groups in the order ${leaders.join(', ')}, not ${FLOW.join(', ')}`]),
  ]
}
