/** Parts of a path as git writes it: with slashes, never one at its end. */

/** What stands behind the last slash. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What stands before the last slash; '' at the top. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
