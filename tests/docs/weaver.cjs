/**
 * `weaver` as the examples call it: hands arguments, environment and folder to examples.test.ts, which has them carried out, and
 * says and ends as the command did. Arguments: the socket of the test, then those of the command.
 */
const { connect } = require('node:net');

const [, , socket, ...args] = process.argv;

// Whoever reads what is said may leave before its end, as `grep -q` does.
process.stdout.on('error', () => {});
let answer = '';
const desk = connect(socket);
desk.write(`${JSON.stringify({ args, env: process.env, cwd: process.cwd() })}\n`);
desk.setEncoding('utf8');
desk.on('data', (text) => (answer += text));
desk.on('end', () => {
  const { exitCode, stdout, stderr } = JSON.parse(answer);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  // A command that was killed has none.
  process.exitCode = exitCode ?? 1;
});
