/** The changes under way, by the path of the object's file. All storages of the process share it. */
const underWay = new Map<string, Promise<void>>()

/**
 * Runs a change of one object after those that have begun. A change removes the sidecar of the object that it found. In
 * between, nobody else may remove it: its time would be free then, and a third writer's sidecar might take the name.
 */
export async function changeInTurn<T>(path: string, change: () => Promise<T>): Promise<T> {
  const before = underWay.get(path) ?? Promise.resolve()
  const result = before.then(change)
  const settled = result.then(
    () => {},
    () => {},
  )
  underWay.set(path, settled)
  try {
    return await result
  } finally {
    if (underWay.get(path) === settled) underWay.delete(path)
  }
}
