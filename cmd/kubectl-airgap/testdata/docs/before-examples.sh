# What the examples in the help of commands take to be there.
to=registry.airgap.example.com/airgap
cat > airgap.yaml <<SITE
apiVersion: kubectl-airgap.io/v1alpha1
kind: Site
images: [registry.k8s.io/pause:3.10.2]
SITE
kubectl airgap pull -q --provider cluster-api:v1.14.2 --provider bootstrap-kubeadm:v1.14.2 \
  --provider control-plane-kubeadm:v1.14.2 --provider vsphere:v1.16.1 -o providers.tar
tar xf providers.tar providers
cp -r site resources
cp -r providers/* resources
cp -r examples/site/clusterapi/infrastructure-lab/v0.3.1 lab
sed -i.before 's/minor: 3/minor: 1/' lab/metadata.yaml
cp site/cluster.yaml cluster.yaml
cp site/cni/cni.yaml deploy.yaml
mkdir -p overlays/site kube-cluster-api/resources chart
cp site/cni/cni.yaml overlays/site/pod.yaml
echo 'resources: [pod.yaml]' > overlays/site/kustomization.yaml
cp site/cni/cni.yaml kube-cluster-api/resources
echo secret > pw
kubectl airgap pull -q -f resources -o site-1.tar
kubectl airgap pull -q -f resources --kubernetes-version v1.36.3 -o site-2.tar
kubectl airgap nodes -q --format hosts --to $to -o certs.d
kubectl airgap pull -q -f temp/images.list -o kubespray.tar
kubectl airgap load -q kubespray.tar --format kubespray -o container-images.tar.gz
