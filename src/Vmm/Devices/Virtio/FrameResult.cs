namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What became of a frame on the host's side of a network card.</summary>
internal enum FrameResult
{
    /// <summary>It went through.</summary>
    Done = 0,

    /// <summary>Not now: nothing has come, or nothing is taken. The descriptor becomes ready when that changes.</summary>
    Later = 1,

    /// <summary>Never again: the other end is gone.</summary>
    Gone = 2,
}
