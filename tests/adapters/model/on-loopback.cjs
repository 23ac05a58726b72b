/** Loaded into a server of others before its own code: it listens on the loopback address alone, at a free port, and says which. */
const { Server } = require('node:net');

const { listen } = Server.prototype;

Server.prototype.listen = function listenHere(...args) {
  this.once('listening', () => process.send?.({ port: this.address().port }));
  const onListening = args.filter((arg) => typeof arg === 'function');
  return listen.call(this, { port: 0, host: '127.0.0.1' }, ...onListening);
};
