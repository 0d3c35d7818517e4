using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>The pages that KVM's own model-specific registers point to: what the guest asked KVM to read and write.</summary>
/// <remarks>Source: Linux Documentation/virt/kvm/x86/msr.rst.</remarks>
internal static class ParavirtualAreas
{
    private const ulong EnabledBit = 1;

    private static readonly (uint Index, string Name)[] Registers =
    [
        (0x4b564d01, RegionNames.KvmClock),
        (0x4b564d00, RegionNames.WallClock),
        (0x4b564d02, RegionNames.AsyncPageFault),
        (0x4b564d03, RegionNames.StealTime),
        (0x4b564d04, RegionNames.PvEoi),
    ];

    /// <summary>
    /// Reads them from vCPUs that do not run. Nothing where the kernel does not tell, as of a guest with protected state.
    /// </summary>
    /// <param name="vcpus">The vCPUs.</param>
    public static IReadOnlyList<LabelledRange> Read(IEnumerable<KvmVcpu> vcpus)
    {
        SortedDictionary<ulong, SortedSet<int>> pages = [];
        foreach (KvmVcpu vcpu in vcpus)
        {
            for (int i = 0; i < Registers.Length; i++)
            {
                // The wall clock is written once and has no bit that says whether it is on.
                ulong value = Read(vcpu, Registers[i].Index);
                bool isOn = Registers[i].Name == RegionNames.WallClock ? value != 0 : (value & EnabledBit) != 0;
                if (isOn)
                {
                    ulong page = GuestPage.RoundDown(value & ((1UL << 52) - 1));
                    pages.TryAdd(page, []);
                    _ = pages[page].Add(i);
                }
            }
        }

        return [.. pages.Select(page => new LabelledRange(
            new GpaRange(new Gpa(page.Key), GuestPage.Size),
            new RangeLabel(string.Join(", ", page.Value.Select(static index => Registers[index].Name)), LabelCertainty.Exact)))];
    }

    private static ulong Read(KvmVcpu vcpu, uint index)
    {
        Span<KvmMsrEntry> entry = [new KvmMsrEntry { Index = index }];
        try
        {
            return vcpu.GetMsrs(entry) == 1 ? entry[0].Data : 0;
        }
        catch (KvmException)
        {
            return 0;
        }
    }
}
