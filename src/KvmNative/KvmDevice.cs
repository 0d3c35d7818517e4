using System.Globalization;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;
using OpenFlags = Mono.Unix.Native.OpenFlags;

namespace KvmSevVmm.KvmNative;

/// <summary>The KVM device: what this host's kernel offers, and where virtual machines come from.</summary>
public sealed class KvmDevice : IDisposable
{
    /// <summary>Where Linux puts the device.</summary>
    public const string DefaultPath = "/dev/kvm";

    /// <summary>KVM_API_VERSION, the same since Linux 2.6.22.</summary>
    public const int RequiredApiVersion = 12;

    private const int FirstListSize = 128;
    private const int LargestListSize = 1 << 16;

    private readonly FdHandle _fd;

    private KvmDevice(FdHandle fd)
    {
        _fd = fd;
        ApiVersion = Ioctl.Call(fd, IoctlNumbers.GetApiVersion);
        if (ApiVersion != RequiredApiVersion)
        {
            throw new PlatformNotSupportedException(string.Create(
                CultureInfo.InvariantCulture, $"KVM_GET_API_VERSION answered {ApiVersion}; only {RequiredApiVersion} is known."));
        }

        VcpuMmapSize = Ioctl.Call(fd, IoctlNumbers.GetVcpuMmapSize);
    }

    /// <summary>What KVM_GET_API_VERSION answered: <see cref="RequiredApiVersion"/>.</summary>
    public int ApiVersion { get; }

    /// <summary>The size in bytes of the memory that each vCPU shares with the kernel.</summary>
    public int VcpuMmapSize { get; }

    /// <summary>Opens the device.</summary>
    /// <param name="path">The device's path.</param>
    /// <exception cref="KvmException">open(2) failed (ENOENT, EACCES, …), or the file is not KVM (ENOTTY).</exception>
    /// <exception cref="PlatformNotSupportedException">The kernel's KVM has another API version.</exception>
    public static KvmDevice Open(string path = DefaultPath)
    {
        FdHandle fd = new(FdHandle.OpenDescriptor(path, OpenFlags.O_RDWR));
        try
        {
            return new KvmDevice(fd);
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>What the kernel offers of a capability, before there is a machine.</summary>
    /// <param name="cap">The capability.</param>
    /// <returns>0 if it is not there; 1 or a capability's own value if it is.</returns>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public int CheckExtension(KvmCap cap) => Ioctl.Call(_fd, IoctlNumbers.CheckExtension, (nuint)cap);

    /// <summary>Creates a virtual machine without memory and vCPUs.</summary>
    /// <param name="type">The machine type; see KVM_CAP_VM_TYPES for what the kernel has.</param>
    /// <exception cref="KvmException">EINVAL: the kernel does not offer the type.</exception>
    public KvmVm CreateVm(KvmVmType type = KvmVmType.Default)
    {
        FdHandle fd = new(Ioctl.Call(_fd, IoctlNumbers.CreateVm, (nuint)type));
        return new KvmVm(fd, type, VcpuMmapSize);
    }

    /// <summary>The CPUID leaves that KVM can give a guest on this processor.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmCpuidEntry2[] GetSupportedCpuid() => GetCpuid(IoctlNumbers.GetSupportedCpuid, "KVM_GET_SUPPORTED_CPUID");

    /// <summary>The CPUID features that KVM can emulate although the processor lacks them.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmCpuidEntry2[] GetEmulatedCpuid() => GetCpuid(IoctlNumbers.GetEmulatedCpuid, "KVM_GET_EMULATED_CPUID");

    /// <summary>The MSRs that a vCPU saves and restores.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public uint[] GetMsrIndexList() => GetMsrList(IoctlNumbers.GetMsrIndexList, "KVM_GET_MSR_INDEX_LIST");

    /// <summary>The MSRs that describe features of the host, readable by <see cref="GetMsrs"/>.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public uint[] GetMsrFeatureIndexList() => GetMsrList(IoctlNumbers.GetMsrFeatureIndexList, "KVM_GET_MSR_FEATURE_INDEX_LIST");

    /// <summary>Reads feature MSRs of the host.</summary>
    /// <param name="entries">The indices on entry, the values on return.</param>
    /// <returns>The number of MSRs read; the next one is unknown to the kernel if this is less than the number asked for.</returns>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public int GetMsrs(Span<KvmMsrEntry> entries) => MsrTransfer.Get(_fd, entries);

    /// <summary>Whether the device has an attribute.</summary>
    /// <param name="group">The attribute's group, for example KVM_X86_GRP_SEV.</param>
    /// <param name="attribute">The attribute.</param>
    /// <exception cref="KvmException">The ioctl failed in another way than by not knowing the attribute.</exception>
    public bool HasDeviceAttribute(uint group, ulong attribute)
    {
        KvmDeviceAttr argument = new() { Group = group, Attr = attribute };
        int errno = Ioctl.TryExchange(_fd, IoctlNumbers.HasDeviceAttr, ref argument);
        return errno switch
        {
            0 => true,
            (int)Errno.ENXIO or (int)Errno.ENOTTY or (int)Errno.EINVAL => false,
            _ => throw KvmException.FromErrno("KVM_HAS_DEVICE_ATTR", errno),
        };
    }

    /// <summary>Reads a 64-bit attribute of the device.</summary>
    /// <param name="group">The attribute's group, for example KVM_X86_GRP_SEV.</param>
    /// <param name="attribute">The attribute.</param>
    /// <exception cref="KvmException">ENXIO or ENOTTY: the kernel does not have the attribute.</exception>
    public unsafe ulong GetDeviceAttribute(uint group, ulong attribute)
    {
        ulong value = 0;

        // SAFETY: every attribute of the KVM device is a u64 (kernel: kvm_x86_dev_get_attr), written to a local variable.
        KvmDeviceAttr argument = new() { Group = group, Attr = attribute, Addr = (ulong)&value };
        _ = Ioctl.Exchange(_fd, IoctlNumbers.GetDeviceAttr, ref argument);
        return value;
    }

    /// <summary>Closes the device. Machines made from it live on.</summary>
    public void Dispose() => _fd.Dispose();

    private KvmCpuidEntry2[] GetCpuid(uint request, string call)
    {
        for (int capacity = FirstListSize; ; capacity *= 2)
        {
            using VariableArray<KvmCpuid2, KvmCpuidEntry2> list = new(capacity);
            list.Header.Nent = (uint)capacity;
            if (Ioctl.TryCall(_fd, request, list.Address, out int errno) >= 0)
            {
                return list.Entries[..(int)list.Header.Nent].ToArray();
            }

            if (errno != (int)Errno.E2BIG || capacity >= LargestListSize)
            {
                throw KvmException.FromErrno(call, errno);
            }
        }
    }

    private uint[] GetMsrList(uint request, string call)
    {
        // With too little room the kernel answers E2BIG and says how many there are.
        for (int capacity = FirstListSize; ;)
        {
            using VariableArray<KvmMsrList, uint> list = new(capacity);
            list.Header.Nmsrs = (uint)capacity;
            if (Ioctl.TryCall(_fd, request, list.Address, out int errno) >= 0)
            {
                return list.Entries[..(int)list.Header.Nmsrs].ToArray();
            }

            if (errno != (int)Errno.E2BIG || list.Header.Nmsrs <= capacity || list.Header.Nmsrs > LargestListSize)
            {
                throw KvmException.FromErrno(call, errno);
            }

            capacity = (int)list.Header.Nmsrs;
        }
    }
}
