/**
 * Packages that tasks are drawn from, chosen before anything was measured: at least 40 source files, not bundled into one,
 * with an account of each release (or tests) in what they publish.
 */
const named = (registry, names) => names.map((name) => ({ registry, name }));

export const PACKAGES = [
  ...named('npm', [
    'eslint',
    'eslint-plugin-import',
    'eslint-plugin-react',
    'jsdom',
    'karma',
    'knex',
    'mocha',
    'mongoose',
    'mysql2',
    'pm2',
    'sequelize',
    'stylelint',
    'stylus',
    'validator',
  ]),
  ...named('npm', ['hexo', 'jscs', 'less', 'nodemailer', 'restify', 'sinon', 'tslint']),
  ...named('pypi', ['celery', 'kombu']),
  // Built ones, where they have their tests with them: pip builds what it fetches as source, for minutes.
  ...named('wheel', ['dask', 'distributed', 'networkx', 'sympy', 'xarray']),
  ...named('go', [
    'github.com/ClickHouse/clickhouse-go/v2',
    'github.com/IBM/sarama',
    'github.com/dgraph-io/badger/v4',
    'github.com/gin-gonic/gin',
    'github.com/gofiber/fiber/v2',
    'github.com/hashicorp/hcl/v2',
    'github.com/jackc/pgx/v5',
    'github.com/labstack/echo/v4',
    'github.com/miekg/dns',
    'github.com/nats-io/nats.go',
    'github.com/pion/webrtc/v3',
    'github.com/prometheus/client_golang',
    'github.com/quic-go/quic-go',
    'github.com/redis/go-redis/v9',
    'github.com/segmentio/kafka-go',
    'github.com/yuin/goldmark',
    'github.com/zclconf/go-cty',
    'go.uber.org/zap',
  ]),
];
