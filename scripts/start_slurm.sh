#!/usr/bin/env bash
# Start (or stop) a one-machine SLURM cluster from Debian's packages, without systemd or cgroups, to try `cape sweep`.
#   scripts/start_slurm.sh [--install] [folder]   start; --install fetches slurm-wlm and munge with apt-get first
#   scripts/start_slurm.sh --stop [folder]        stop what this script started
# Needs root. Writes the key of munge (/etc/munge/munge.key) only where there is none; everything else goes into the
# folder (default: /tmp/cape-slurm). Afterwards: export SLURM_CONF=<folder>/slurm.conf
set -euo pipefail

action=start
install=no
folder=/tmp/cape-slurm
for argument in "$@"; do
    case "$argument" in
        --stop) action=stop ;;
        --install) install=yes ;;
        -*) echo "unknown option $argument" >&2; exit 2 ;;
        *) folder=$argument ;;
    esac
done

stop() {
    local name file
    for name in slurmd slurmctld munged; do
        file=$folder/$name.pid
        if [ -s "$file" ] && [ "$(ps -o comm= -p "$(cat "$file")" 2>/dev/null)" = "$name" ]; then
            kill "$(cat "$file")"
            echo "stopped $name"
        fi
        rm -f "$file"
    done
}

if [ "$(id -u)" -ne 0 ]; then
    echo "start_slurm.sh must run as root: slurmctld, slurmd and munged keep keys and start jobs." >&2
    exit 1
fi
if [ "$action" = stop ]; then
    stop
    exit 0
fi

if [ "$install" = yes ]; then
    DEBIAN_FRONTEND=noninteractive apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge
fi
for program in munged slurmctld slurmd sbatch; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is not installed: run scripts/start_slurm.sh --install, or apt-get install slurm-wlm munge." >&2
        exit 1
    fi
done

stop
mkdir -p "$folder"/{state,spool,log}
chmod 755 "$folder"
host=$(hostname -s)
cpus=$(nproc)
memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.8) }' /proc/meminfo) # MiB, a fifth left to everything else

if [ ! -s /etc/munge/munge.key ]; then
    dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
fi
chown munge:munge /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
mkdir -p /run/munge
chown munge:munge /run/munge
chmod 755 /run/munge
if ! munge -n >/dev/null 2>&1; then
    touch "$folder/munged.pid" "$folder/log/munged.log"
    mkdir -p "$folder/munge"
    chown munge:munge "$folder/munge" "$folder/log/munged.log"
    rm -f /run/munge/munge.socket.2.lock
    setpriv --reuid munge --regid munge --clear-groups munged --force --pid-file="$folder/munge/munged.pid" \
        --log-file="$folder/munge/munged.log" --seed-file="$folder/munge/munged.seed"
    cp "$folder/munge/munged.pid" "$folder/munged.pid"
fi

# Memory asked for is reserved (CR_Core_Memory) and a job that takes more is ended (OverMemoryKill), as on a cluster.
cat >"$folder/slurm.conf" <<CONF
ClusterName=cape
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
KillWait=5
MinJobAge=600
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

export SLURM_CONF=$folder/slurm.conf
slurmctld -c
slurmd
for _ in $(seq 60); do
    if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
        sinfo
        echo "ready: export SLURM_CONF=$folder/slurm.conf"
        exit 0
    fi
    sleep 0.5
done
echo "the node did not become idle within 30 s; the logs are in $folder/log" >&2
sinfo >&2 || true
exit 1
