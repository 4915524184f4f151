#!/bin/sh
# Run by mmdebstrap on the unpacked system: turns it into a lab host that boots in a container.
# Arguments: the root of the new system, the directory with our files, then the packages to download for later.
set -eu
root=$1 files=$2
shift 2

cp -r --remove-destination "$files/." "$root/"
chmod 0440 "$root/etc/sudoers.d/ops"

# What a container must not do to the kernel it shares, and what would disturb a test in the middle.
mkdir -p "$root/etc/systemd/system"
for unit in systemd-modules-load.service systemd-sysctl.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-logind.service console-getty.service getty@tty1.service getty.target \
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

chroot "$root" useradd --create-home --shell /bin/bash ops
install -d -m 0700 -o "$(chroot "$root" id -u ops)" -g "$(chroot "$root" id -g ops)" "$root/home/ops/.ssh"
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
chroot "$root" systemctl enable ssh.service mita-lab-shared.service
chroot "$root" systemctl disable ssh.socket 2>/dev/null || true

# The packages of every component wait in the archive directory, so that installing needs no network.
rm -f "$root"/var/cache/apt/archives/*.deb
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes --quiet=2 --no-install-recommends --download-only install "$@"

# apt's cache is valid only while the lists keep their times, and the tar caps times at the start of the build.
find "$root/var/lib/apt/lists" -type f -exec touch --date='2020-01-01' {} +
chroot "$root" apt-cache gencaches
