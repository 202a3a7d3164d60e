#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Debian package of the guests' images, for machines that are to have no mirror at hand:
#   images.sh DIRECTORY VERSION AGENT STRIP      makes DIRECTORY/weft-images_VERSION_amd64.deb
# Needs root, as building images does. What is in the images is Debian's, under its own terms.
set -eu
umask 022

out=$1 version=$2 agent=$3 strip=$4
here=$(cd "$(dirname "$0")" && pwd)
store=$out/images root=$out/images-root
images=$root/var/lib/weft/images

mkdir -p "$store"
# Images have the name of what they are made from: the agent is as in the package weft.
"$strip" -o "$store/weft-agent" "$agent"
rm -rf "$root"
mkdir -p "$images" "$root/DEBIAN" "$root/usr/share/doc/weft-images"
keys=
for name in frr bird; do
	sh "$here/../vrouter/image/build.sh" "$name" "$store" "$store/weft-agent" | grep -v ^key
	key=$(readlink "$store/$name")
	cp -R "$store/$key" "$images/$key"
	ln -s "$key" "$images/$name"
	keys="$keys $key"
done
install -m 644 "$here/copyright" "$root/usr/share/doc/weft-images/copyright"
cat >>"$root/usr/share/doc/weft-images/copyright" <<EOF

The images hold unmodified Debian packages, which image.json beside each names with their versions. Their
terms are in the copyright files of those packages; apt-get source gets their source.
EOF
cat >"$root/DEBIAN/control" <<EOF
Package: weft-images
Version: $version
Architecture: amd64
Section: net
Priority: optional
Maintainer: The Weft authors <weft@localhost>
Depends: weft (= $version)
Installed-Size: $(du -sk --apparent-size "$root" | cut -f1)
Description: guests of Weft: FRRouting and BIRD on Debian's kernel
 What "weft image build" would make on each machine.
EOF
# Templates are made of them there.
cat >"$root/DEBIAN/postrm" <<EOF
#!/bin/sh
set -e
if [ "\$1" = remove ]; then
	for key in$keys; do
		rm -rf "/var/lib/weft/images/\$key"
	done
fi
EOF
chmod 755 "$root/DEBIAN/postrm"
dpkg-deb --root-owner-group --build "$root" "$out/weft-images_${version}_amd64.deb"
rm -rf "$root"
