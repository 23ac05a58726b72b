/** Configuration → adapters → activities → worker: the only wiring. */
import { NativeConnection, Runtime, Worker, makeTelemetryFilterString, DefaultLogger } from '@temporalio/worker';
