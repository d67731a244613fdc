// Package bundle is the archive that carries a site: one uncompressed, seekable
// tar that is an OCI image layout with deduplicated blobs, holds every other file
// under its own path, says in airgap.lock.yaml what it holds and in SHA256SUMS
// what that must hash to.
//
//	oci-layout
//	blobs/sha256/HEX      every manifest and blob of every image once, sorted by digest
//	PATH                  every other file, sorted by path
//	index.json            the images, by their full names (OCI image layout; containerd and skopeo read it)
//	manifest.json         the same for docker load, each image for one platform
//	airgap.lock.yaml      Lock
//	SHA256SUMS            of all entries above, as sha256sum -c reads it
//
// Where each entry begins is known before the first byte arrives, because the
// plan names every size. So content is written in parallel to its final place as
// it arrives, and two archives of the same content are the same bytes. The tar
// header of an entry is written after its content was checked: a header says
// "whole", and a killed run goes on with what has one and still hashes to what it
// should.
//
// What somebody calls by tag and digest has two names in index.json, one with the
// tag and one with the digest: containerd knows an image by either, not by both.
// Signatures and what else is about images have no name there: the lock has them.
package bundle
