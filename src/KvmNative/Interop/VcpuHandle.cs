using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>Owns a vCPU's descriptor together with the memory it shares with the kernel, so that one reference keeps both.</summary>
internal sealed unsafe class VcpuHandle : FdHandle
{
    private MappedRegion? _run;
    private KvmRun* _address;

    /// <summary>Takes ownership of a vCPU.</summary>
    /// <param name="descriptor">What KVM_CREATE_VCPU returned.</param>
    internal VcpuHandle(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>The shared memory; valid while the caller holds a reference to this handle.</summary>
    internal KvmRun* Run => _address;

    /// <summary>The size of the shared memory in bytes; at least that of <see cref="KvmRun"/>.</summary>
    internal int RunLength { get; private set; }

    /// <summary>The number of the descriptor, without a check; valid while the caller holds a reference to this handle.</summary>
    internal int RawDescriptor => (int)handle;

    /// <summary>Maps the shared memory.</summary>
    /// <param name="length">What KVM_GET_VCPU_MMAP_SIZE answered, in bytes.</param>
    internal void Map(int length)
    {
        if (length < sizeof(KvmRun))
        {
            throw new PlatformNotSupportedException($"KVM_GET_VCPU_MMAP_SIZE answered {length}; kvm_run alone is {sizeof(KvmRun)} bytes.");
        }

        _run = MappedRegion.MapFd(this, 0, (ulong)length, shared: true);
        _address = (KvmRun*)_run.Address;
        RunLength = length;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _run?.Dispose();
        return base.ReleaseHandle();
    }
}
