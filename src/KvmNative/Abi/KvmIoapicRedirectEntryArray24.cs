using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>24 values of <see cref="KvmIoapicRedirectEntry"/>, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct KvmIoapicRedirectEntryArray24
{
    /// <summary>Count of elements.</summary>
    public const int Length = 24;

    private KvmIoapicRedirectEntry _element0;
}
