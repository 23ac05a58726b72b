import { addedIn, parsePatch, removedIn } from '../../src/domain/patch';

const PATCH = `diff --git a/a b.txt b/a b.txt
index 1..2 100644
--- a/a b.txt\t
+++ b/a b.txt\t
@@ -1,3 +1,3 @@
 same
-old
+--- new
 end
@@ -10 +10,2 @@ in a function
+++ more
 last
\\ No newline at end of file
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index 1..0
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/picture.png b/picture.png
new file mode 100644
index 0..1
Binary files /dev/null and b/picture.png differ
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git "a/tab\\there" "b/tab\\there"
new file mode 100644
index 0..1
--- /dev/null
+++ "b/tab\\there"
@@ -0,0 +1 @@
+\u00fcber
`;

describe('a patch', () => {
  const files = parsePatch(PATCH);

  it('is read file by file, with what became of each', () => {
    expect(files.map(({ path, change, isBinary }) => [path, change, isBinary])).toEqual([
      ['a b.txt', 'modified', false],
      ['gone.txt', 'deleted', false],
      ['picture.png', 'added', true],
      ['run.sh', 'modified', false],
      ['tab\there', 'added', false],
    ]);
  });

  it('has its lines under their numbers, whatever they begin with', () => {
    const [first] = files;
    expect(first === undefined ? [] : addedIn(first)).toEqual([
      { sign: '+', text: '--- new', line: 2 },
      { sign: '+', text: '++ more', line: 10 },
    ]);
    expect(first === undefined ? [] : removedIn(first).map(({ text }) => text)).toEqual(['old']);
  });

  it('that is cut gives what it still has', () => {
    expect(parsePatch(PATCH.slice(0, PATCH.indexOf(' end'))).map(({ lines }) => lines.length)).toEqual([3]);
    expect(parsePatch('')).toEqual([]);
  });
});
