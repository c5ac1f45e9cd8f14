// The process that holds a pod's namespaces.
module mandates/offline/pause

go 1.26.0
