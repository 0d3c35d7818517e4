using System.Text;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>The words for exits in results: the kernel's names in lower case with hyphens.</summary>
public static class ExitWords
{
    /// <summary>Sums the exits of several vCPUs by kind; kinds that never occurred are absent.</summary>
    /// <param name="vcpus">The vCPUs.</param>
    public static Dictionary<string, ulong> Sum(IReadOnlyList<VcpuStatistics> vcpus)
    {
        var sums = new Dictionary<string, ulong>();
        foreach (VcpuExitReason reason in Enum.GetValues<VcpuExitReason>())
        {
            ulong count = vcpus.Aggregate(0UL, (sum, vcpu) => sum + (ulong)vcpu.GetExits(reason));
            if (count > 0)
            {
                sums.Add(WordFor(reason), count);
            }
        }

        return sums;
    }

    /// <summary>The word for one kind: <c>io</c>, <c>hypercall</c>, <c>x86-rdmsr</c>.</summary>
    /// <param name="reason">The kind.</param>
    public static string WordFor(VcpuExitReason reason)
    {
        var word = new StringBuilder();
        foreach (char letter in reason.ToString())
        {
            if (char.IsAsciiLetterUpper(letter) && word.Length > 0)
            {
                word.Append('-');
            }

            word.Append(char.ToLowerInvariant(letter));
        }

        return word.ToString();
    }
}
