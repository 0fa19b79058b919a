import { answering } from '../../../../faults/fault.ts';
import type { Fault } from '../../../../faults/fault.ts';
import type { Cause, Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';

/** The daemon's file in every release here, as it is told at the port: a daemon that runs from source cannot be replaced for real. */
const DAEMON = 'd'.repeat(64);

/** The release that the gate lets go carries a daemon, with a workload or without one; and the daemon that runs could be replaced. */
export const carriesDaemon = (workload: boolean): readonly Fault[] => [
  answering(
    'VersionStore.daemon',
    { path: '/daemon', sha256: DAEMON, workload },
    { in: 'gate', times: Infinity },
  ),
  answering(
    'Succession.running',
    { version: '0.9.0', sha256: 'e'.repeat(64), ref: null },
    { in: 'gate', times: Infinity },
  ),
];

/** The gate finds a daemon in the release. */
export const findsDaemon = (workload: boolean): Cause => ({
  arrange: ({ arm }) => {
    arm(...carriesDaemon(workload));
  },
});

/** `handOver` is the end of it: the daemon that runs is the one that was to come. */
export const HANDED_OVER: Causes = {
  handedOver: {
    arrange: ({ arm }) => {
      arm(
        answering('Succession.running', { version: '1.1.0', sha256: DAEMON, ref: null }, { in: 'handOver' }),
      );
    },
  },
};

/** Why it is not. */
export const HAND_OVER_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('handOver'),
  // The store says of a file that it cannot read that the version is damaged; the record of the trial is what is unusable here.
  STATE_DIR_UNUSABLE: fails('handOver', 'Succession.state', 'STATE_DIR_UNUSABLE'),
  DISK_FULL: fails('handOver', 'Succession.selfTest', 'DISK_FULL'),
  VERSION_DAMAGED: fails('handOver', 'VersionStore.check', 'VERSION_DAMAGED'),
  VERSION_NOT_FOUND: fails('handOver', 'VersionStore.check', 'VERSION_NOT_FOUND'),
  DAEMON_SELF_TEST_FAILED: fails('handOver', 'Succession.selfTest', 'DAEMON_SELF_TEST_FAILED'),
  DAEMON_FAILED: fails('handOver', 'Succession.selfTest', 'DAEMON_FAILED'),
  HANDOVER_FAILED: fails('handOver', 'Succession.selfTest', 'HANDOVER_FAILED'),
  INTERNAL: breaks('handOver', 'Succession.running'),
};
