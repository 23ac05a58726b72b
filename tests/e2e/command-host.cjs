/**
 * The command line as a process that stays: a message is a command, and dist/cli.js carries it out as in a process of its own,
 * most of whose time goes into loading. What a process has for itself (arguments, environment, streams, an end), each
 * command has here for itself, by the asynchronous context that it runs in. Argument: the path of cli.js.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const { Readable, Writable } = require('node:stream');

const [node, , path] = process.argv;
const cli = require.resolve(path);
const commands = new AsyncLocalStorage();

for (const name of ['argv', 'env', 'stdin', 'stdout', 'stderr']) {
  const { get = () => own, value: own } = Object.getOwnPropertyDescriptor(process, name);
  const ofCommand = () => commands.getStore()?.[name] ?? get.call(process);
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: ofCommand });
}
const exit = process.exit.bind(process);
process.exit = (code) => (commands.getStore()?.end ?? exit)(code);
// Each command that waits listens for signals.
process.setMaxListeners(0);
// What nobody catches ends a process, and so its command; of a command that has ended it would not have come any more.
const crash = (thrown) => {
  const command = commands.getStore();
  if (command === undefined) throw thrown;
  command.stderr.write(String(thrown?.stack ?? thrown));
  command.end(1);
};
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, crash);
process.once('disconnect', () => exit(0));

process.on('message', ({ id, args, env, cwd, input }) => {
  // The one thing that commands side by side share: who names another folder waits for the others.
  process.chdir(cwd);
  const said = { stdout: '', stderr: '' };
  const end = (exitCode) => process.connected && process.send({ id, exitCode, ...said });
  const command = { argv: [node, cli, ...args], env, stdin: Readable.from([input]), end };
  for (const name of ['stdout', 'stderr'])
    command[name] = new Writable({
      decodeStrings: false,
      write(text, _encoding, written) {
        said[name] += text;
        written();
      },
    });
  // The module is what a process runs: it is run anew, what it consists of is there.
  delete require.cache[cli];
  commands.run(command, () => {
    try {
      require(cli);
    } catch (thrown) {
      crash(thrown);
    }
  });
});
