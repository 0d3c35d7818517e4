using System.Diagnostics.CodeAnalysis;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>
/// The private half of a SEV-SNP guest's RAM: a guest_memfd for each RAM range, behind a memslot whose shared half is the ordinary RAM.
/// </summary>
/// <remarks>Which half a page is in, KVM_SET_MEMORY_ATTRIBUTES decides; at first all are shared. The VM holds the memory too.</remarks>
internal sealed class PrivateMemory : IPageConversion, IDisposable
{
    private readonly KvmVm _vm;
    private readonly GuestMemory _memory;
    private readonly List<GuestMemFd> _files = [];

    private PrivateMemory(KvmVm vm, GuestMemory memory)
    {
        _vm = vm;
        _memory = memory;
    }

    /// <inheritdoc/>
    public IReadOnlyList<GpaRange> Ranges => _memory.Ranges;

    /// <summary>Registers all RAM with a VM, one slot a RAM range. Slot numbers count from 0.</summary>
    /// <param name="vm">The VM, of type SNP; stays the caller's.</param>
    /// <param name="memory">The RAM; must outlive the VM.</param>
    /// <exception cref="HostLacksException">The kernel has no guest_memfd.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    [SuppressMessage("Reliability", "CA2000", Justification = "The files belong to the PrivateMemory, which is returned or disposed here.")]
    internal static PrivateMemory Register(KvmVm vm, GuestMemory memory)
    {
        PrivateMemory created = new(vm, memory);
        try
        {
            for (int index = 0; index < memory.Ranges.Count; index++)
            {
                created.Add(index);
            }

            return created;
        }
        catch
        {
            created.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void SetPrivate(GpaRange range, bool isPrivate) => _vm.SetMemoryAttributes(
        range.Start.Value, range.Length, isPrivate ? (ulong)KvmMemoryAttributeFlags.Private : 0);

    /// <inheritdoc/>
    public void DiscardShared(GpaRange range) => _memory.Discard(range);

    /// <inheritdoc/>
    public void DiscardPrivate(int rangeIndex, GpaRange range) =>
        _files[rangeIndex].Discard(range.Start.Value - Ranges[rangeIndex].Start.Value, range.Length);

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(static file => file.Dispose());

    private void Add(int index)
    {
        GpaRange range = _memory.Ranges[index];
        GuestMemFd file = CreateFile(range.Length);
        _files.Add(file);
        KvmUserspaceMemoryRegion2 region = new()
        {
            Slot = (uint)index,
            Flags = (uint)KvmMemoryRegionFlags.GuestMemfd,
            GuestPhysAddr = range.Start.Value,
            MemorySize = range.Length,
            UserspaceAddr = _memory.GetHostAddress(range),
            GuestMemfd = (uint)file.Descriptor,
        };
        _vm.SetUserMemoryRegion2(region);
    }

    private GuestMemFd CreateFile(ulong length)
    {
        try
        {
            return _vm.CreateGuestMemFd(length, flags: 0);
        }
        catch (KvmException refused) when (refused.Errno is Errno.ENOTTY or Errno.EINVAL)
        {
            throw new HostLacksException(
                $"--sev sev-snp: this kernel gives the guest no private memory ({refused.Message})",
                "use Linux 6.11 or newer with CONFIG_KVM_AMD_SEV");
        }
    }
}
