// A shop without a framework: all that a release must answer and expose, written by hand.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');

const version = process.env.MITA_VERSION;
const failing = Number(process.env.FAILING_SHARE || 0); // what makes a release bad
const started = Math.floor(Date.now() / 1000 - process.uptime());
let leaving = false;

// Numbers: counters and gauges by name and labels, and one histogram.
const values = new Map();
const key = (name, labels = {}) => {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length ? `${name}{${pairs.join(',')}}` : name;
};
const set = (name, labels, value) => values.set(key(name, labels), value);
const add = (name, labels, step = 1) => set(name, labels, (values.get(key(name, labels)) || 0) + step);
const histogram = 'http_request_duration_seconds';
const limits = [0.05, 0.1, 0.2, 0.4, 0.6, 1, 2.5, 5, 10, Infinity];
function observe(labels, seconds, step = 1) {
  for (const limit of limits) {
    const le = limit === Infinity ? '+Inf' : limit;
    add(`${histogram}_bucket`, { ...labels, le }, seconds <= limit ? step : 0);
  }
  add(`${histogram}_sum`, labels, seconds * step);
  add(`${histogram}_count`, labels, step);
}

// The site's Redis: one connection, asked once a second. A release without one, after a release that had it, would
// be taken for broken.
const components = { process: { health: 1, response_time_ms: 0 } };
const resp = (...words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
function connect(address) {
  const socket = net.connect(Number(address.port || 6379), address.hostname);
  let asked = 0;
  const ask = () => {
    asked = Date.now();
    socket.write(resp('PING'));
  };
  const asking = setInterval(ask, 1000);
  if (address.password) socket.write(resp('AUTH', decodeURIComponent(address.password)));
  ask();
  socket.on('data', (answer) => {
    if (String(answer).includes('+PONG')) components.redis = { health: 1, response_time_ms: Date.now() - asked };
  });
  socket.on('error', () => {}); // it is closed then, and tried again
  socket.on('close', () => {
    clearInterval(asking);
    components.redis = { health: 0, response_time_ms: 0 };
    setTimeout(connect, 1000, address);
  });
}
if (process.env.REDIS_URL) {
  components.redis = { health: 0, response_time_ms: 0 };
  connect(new URL(process.env.REDIS_URL));
}
const health = () => Object.values(components).reduce((sum, each) => sum + each.health, 0) / Object.keys(components).length;

// What users do. Each entry: the path as the metrics name it, the status, the counters, the answer.
const routes = {
  'POST /api/register': [201, ['user_registration_attempts', 'user_registration_success'], () => ({ user_id: 1 })],
  'POST /api/transactions': [201, ['transaction_processing'], () => ({ transaction_id: 1 })],
  'POST /api/revenue': [201, ['revenue_processing'], () => ({ revenue_id: 1 })],
  'POST /api/queue/jobs': [202, [], () => ({ depth: 0 })],
  'GET /api/users/{user_id}': [200, [], () => ({ transactions: 0 })],
  'GET /version': [200, [], () => ({ version })],
};
const unmatched = [404, [], () => ({ error: 'not found' })];
const template = (path) => path.replace(/^(\/api\/users\/)[^/]+$/, '$1{user_id}');

// Every counter exists at 0 before the first request: a rule cannot see the first step of one that appears at 1.
for (const route of [...Object.keys(routes), 'GET unmatched']) {
  const [method, path] = route.split(' ');
  for (const status of [(routes[route] || unmatched)[0], 500]) add('http_requests_total', { method, path, status }, 0);
  observe({ method, path }, 0, 0);
  set('http_requests_inprogress', { method, path }, 0);
}
for (const name of ['transaction_processing', 'transaction_processing_errors', 'revenue_processing',
  'revenue_processing_errors', 'user_registration_attempts', 'user_registration_success']) add(`${name}_total`, {}, 0);
set('mita_build_info', { version }, 1);
set('mita_queue_depth', { queue: 'jobs' }, 0);

function serve(request, response) {
  const url = new URL(request.url, 'http://host');
  request.resume();
  response.setHeader('Content-Type', 'application/json');
  if (leaving) response.setHeader('Connection', 'close');
  // Probes and scrapes are no requests of users: they are not counted.
  if (url.pathname === '/metrics') return response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(metrics());
  if (url.pathname === '/health/live') return response.end(JSON.stringify({ version }));
  if (url.pathname === '/health/ready') {
    response.statusCode = Object.values(components).every((each) => each.health > 0) ? 200 : 503;
    return response.end(JSON.stringify({ version, components }));
  }
  const route = `${request.method} ${template(url.pathname)}`;
  const [status, counters, answer] = routes[route] || unmatched;
  const labels = { method: request.method, path: routes[route] ? template(url.pathname) : 'unmatched' };
  const began = process.hrtime.bigint();
  add('http_requests_inprogress', labels);
  response.on('close', () => {
    add('http_requests_inprogress', labels, -1);
    add('http_requests_total', { ...labels, status: response.statusCode });
    observe(labels, Number(process.hrtime.bigint() - began) / 1e9);
  });
  response.statusCode = Math.random() < failing ? 500 : status;
  if (response.statusCode === status) for (const name of counters) add(`${name}_total`, {});
  return response.end(JSON.stringify(answer()));
}

function metrics() {
  const disk = fs.statfsSync('.');
  const [pages] = fs.readFileSync('/proc/self/statm', 'utf8').split(' ');
  set('daily_active_users', {}, values.get('user_registration_success_total'));
  set('mita_middleware_health_status', {}, health());
  for (const [component, found] of Object.entries(components)) {
    set('mita_middleware_component_health', { component }, found.health);
    set('mita_middleware_component_response_time_ms', { component }, found.response_time_ms);
  }
  set('mita_cpu_usage_percent', {}, Math.min(100, (100 * os.loadavg()[0]) / os.cpus().length));
  set('mita_memory_usage_percent', {}, 100 * (1 - os.freemem() / os.totalmem()));
  set('mita_disk_usage_percent', {}, 100 * (1 - disk.bavail / disk.blocks));
  set('process_cpu_seconds_total', {}, process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6);
  set('process_start_time_seconds', {}, started);
  set('process_resident_memory_bytes', {}, process.memoryUsage().rss);
  set('process_virtual_memory_bytes', {}, pages * 4096);
  set('process_open_fds', {}, fs.readdirSync('/proc/self/fd').length);
  set('process_max_fds', {}, Number(/open files +(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1]));
  return [...values].map(([series, value]) => `${series} ${value}\n`).join('');
}

// With `--socket` the host hands over a listening socket as descriptor 3, which outlives this process.
const server = http.createServer(serve);
if (process.env.LISTEN_FDS) server.listen({ fd: 3 });
else server.listen(Number(process.env.MITA_PORT || 8080), process.env.MITA_HOST || '0.0.0.0');
process.on('SIGTERM', () => {
  leaving = true; // clients are told to leave; then what is in flight is answered
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, 1000 * Number(process.env.MITA_DRAIN_SECONDS || 0));
});
