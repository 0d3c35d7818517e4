using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>1024 32-bit words, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct UInts1024
{
    /// <summary>Count of elements.</summary>
    public const int Length = 1024;

    private uint _element0;
}
