using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.LabProbe;

/// <summary>Every call that the kernel or the monitor has a rule for. What each must give stands in Lab.Tests, not here.</summary>
internal static class HypercallCases
{
    private const ulong Page = 0x1000;
    private const ulong Encrypted = 0x10;

    /// <summary>The cases.</summary>
    public static IEnumerable<ProbeCase> All =>
    [
        new("shared") { Rbx = 2 * Page, Rcx = 3 },
        new("private") { Rbx = 2 * Page, Rcx = 3, Rdx = Encrypted },
        new("all-of-first-slot") { Rbx = 0, Rcx = 64, Rdx = Encrypted },
        new("unaligned") { Rbx = (2 * Page) + 1 },
        new("zero-pages") { Rbx = 2 * Page, Rcx = 0 },
        new("overflow") { Rbx = 0xFFFF_FFFF_FFFF_F000, Rcx = 2 },
        new("overflow-count") { Rbx = Page, Rcx = ulong.MaxValue },
        new("count-2^52") { Rbx = 0, Rcx = 1UL << 52 },
        new("reserved-bit-5") { Rbx = 2 * Page, Rdx = 1UL << 5 },
        new("reserved-bit-63") { Rbx = 2 * Page, Rdx = 1UL << 63 },
        new("hint-2m") { Rbx = 2 * Page, Rdx = 1 },
        new("hint-1g") { Rbx = 2 * Page, Rdx = 2 | Encrypted },
        new("hint-3") { Rbx = 2 * Page, Rdx = 3 },
        new("hint-15") { Rbx = 2 * Page, Rdx = 15 },
        new("beyond-ram") { Rbx = 0x10_0000 },
        new("end-beyond-ram") { Rbx = 0x8_F000, Rcx = 2 },
        new("far-beyond-ram") { Rbx = 1UL << 51, Rcx = 1 },
        new("across-hole") { Rbx = 0x4_F000, Rcx = 0x40 },
        new("in-hole") { Rbx = 0x6_0000 },
        new("across-two-slots") { Rbx = 0x3_F000, Rcx = 2 },
        new("cpl-3") { Rbx = 2 * Page, IsUser = true },
        new("capability-disabled") { Rbx = 2 * Page, ExitHypercalls = 0 },
        new("capability-never-enabled") { Rbx = 2 * Page, ExitHypercalls = null },
        new("feature-hidden-enforced") { Rbx = 2 * Page, OffersFeature = false },
        new("feature-hidden-not-enforced") { Rbx = 2 * Page, OffersFeature = false, Enforces = false },
        new("unknown-number") { Rax = 4711, Rbx = 2 * Page },
        new("mode-16") { Mode = GuestMode.Real16, Rbx = 2 * Page, Rdx = Encrypted },
        new("mode-32") { Mode = GuestMode.Protected32, Rbx = 2 * Page, Rdx = Encrypted },
        new("mode-64") { Mode = GuestMode.Long64, Rbx = 2 * Page, Rdx = Encrypted },
        new("mode-32-high-halves")
        {
            Mode = GuestMode.Protected32, Rax = 0x5_0000_000C, Rbx = 0x7_0000_2000, Rcx = 0x9_0000_0001, Rdx = 0x3_0000_0010,
        },
        new("page-enc-status-0") { Abi = HypercallAbi.PageEncStatus, Rbx = 2 * Page, Rdx = 0 },
        new("page-enc-status-1") { Abi = HypercallAbi.PageEncStatus, Rbx = 2 * Page, Rdx = 1 },
        new("page-enc-status-16") { Abi = HypercallAbi.PageEncStatus, Rbx = 2 * Page, Rdx = Encrypted },
    ];
}
