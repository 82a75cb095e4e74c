#!/bin/sh
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make a bootable Debian tree: MMDEBSTRAP=PROGRAM base.sh FOLDER BELOW SUITE MIRROR PACKAGE…   (BELOW is empty: nothing is below)
set -eu

folder=$1 suite=$3 mirror=$4
shift 4

rmdir "$folder"
"$MMDEBSTRAP" --mode=root --format=directory --variant=minbase \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --include="$(echo "$*" | tr ' ' ',')" "$suite" "$folder" "$mirror"
chmod 755 "$folder"

# Of each host its own, made when it first boots.
: > "$folder/etc/machine-id"
rm -f "$folder"/etc/ssh/ssh_host_* "$folder/var/lib/dbus/machine-id"
# No host of ours has a name server, and a look-up would wait for one.
: > "$folder/etc/resolv.conf"
printf 'UseDNS no\nPasswordAuthentication no\n' > "$folder/etc/ssh/sshd_config.d/fleet.conf"
# A host has one console, which nobody types at; and nothing may take apt's lock at its own time.
systemctl --root="$folder" mask console-getty.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer

# Somebody without any right of root.
chroot "$folder" useradd --create-home --shell /bin/sh deploy
