// The pages of dist/ in front of a running server, so that they can be worked on without building it again:
// `node dev/proxy.mjs http://localhost:8080`, then open http://localhost:4401.
import { createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { sendPage } from './files.mjs';

const OURS = /^\/($|watch\/|embed\/|publish\/|assets\/|favicon\.svg$)/;

/** Starts the proxy in front of `server`. */
export async function startProxy(server, port = 0) {
  const proxy = createServer((asked, answer) => {
    if (OURS.test(new URL(asked.url, server).pathname)) return void sendPage(asked.url, answer);
    const { method, headers } = asked;
    const onward = request(new URL(asked.url, server), { method, headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  const stop = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { url: `http://127.0.0.1:${proxy.address().port}`, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const proxy = await startProxy(process.argv[2] ?? 'http://localhost:8080', 4401);
  console.log(proxy.url);
}
