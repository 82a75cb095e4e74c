#!/bin/sh
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install packages into a layer upon an image: layer.sh FOLDER BELOW SUITE MIRROR PACKAGE…
# Runs in mount and process namespaces of its own.
set -eu

folder=$1 below=$2
shift 4

mkdir "$folder.work"
trap 'rm -rf "$folder.work"' EXIT
root=/mnt
mount -t overlay -o "lowerdir=$below,upperdir=$folder,workdir=$folder.work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"

cp /etc/resolv.conf "$root/etc/resolv.conf"
# Nothing is started while it is installed.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
chroot "$root" apt-get -qq -y -o Acquire::Retries=3 --no-install-recommends --download-only install "$@"
# Without a network: a package looks at the ports of this machine to choose its own.
unshare --net chroot "$root" apt-get -qq -y --no-install-recommends install "$@"
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d"
: > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
umount --lazy "$root/dev"
umount "$root/tmp" "$root/proc" "$root"
